// Requests to a fill: for which client, and how long they wait.

import type { Digest } from "../../oci/digest.ts";
import { RegistryError } from "../../oci/error.ts";
import { within } from "../../platform/deadline.ts";
import type { Source } from "../../policy/source.ts";
import { late } from "../../upstream/client/request.ts";
import type { Asking } from "../contract.ts";

/** A request for the content of a digest. */
export interface JoinRequest {
  readonly digest: Digest;
  readonly source: Source;
  readonly asking: Asking;
}

/** The source with the client that a fill's upstream requests are charged to; none for a background request. */
export function sourceFor({ rule, repository }: Source, { by, background }: Asking): Source {
  return { rule, repository, ...(by && !background && { by }) };
}

/** Whether the error is that one client's quota is used up: clients that joined then ask for themselves. */
export function isPersonal(error: unknown): error is RegistryError {
  return error instanceof RegistryError && error.personal;
}

/** Waits for `work` for at most `asking.patience` ms. Throws UNAVAILABLE (504) after that. */
export function patiently<T>(
  work: Promise<T>,
  { source, asking }: Pick<JoinRequest, "source" | "asking">,
): Promise<T> {
  return within(work, asking.patience, () => late(source.rule));
}
