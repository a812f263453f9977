// How somebody asks a fill: how long he waits, and whether anybody waits at all.

import { RegistryError } from "../../oci/error.ts";
import { within } from "../../platform/deadline.ts";
import type { Source } from "../../policy/source.ts";
import { late } from "../../upstream/client/request.ts";
import type { Asking } from "../contract.ts";

/** As a fill takes it: with the one who begins it, whose question it is. What nobody waits for is no client's. */
export function sourceFor({ rule, repository }: Source, { by, background }: Asking): Source {
  return { rule, repository, ...(by && !background && { by }) };
}

/** Whether the share of the one who began is used up: those who joined ask for themselves. */
export function isPersonal(error: unknown): error is RegistryError {
  return error instanceof RegistryError && error.personal;
}

/** Waits for the upstream, for as long as who asks has patience. Throws UNAVAILABLE (504). */
export function patiently<T>(work: Promise<T>, source: Source, asking: Asking): Promise<T> {
  return within(work, asking.patience, () => late(source.rule));
}
