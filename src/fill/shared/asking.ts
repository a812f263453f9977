// How somebody asks a fill: how long he waits, and whether anybody waits at all.

import type { Digest } from "../../oci/digest.ts";
import { RegistryError } from "../../oci/error.ts";
import { within } from "../../platform/deadline.ts";
import type { Requester } from "../../policy/requester.ts";
import type { Source } from "../../policy/source.ts";
import { late } from "../../upstream/client/request.ts";

/** Plain data, as it goes to a Durable Object. */
export interface Asking {
  /** For how long, in ms, the upstream's answer is waited for. What is asked for goes on without whoever has left. */
  patience: number;
  /** Nobody waits: the last pulls of a rate limit are not for this. */
  background?: boolean;
  /** The upstream has just named it: that it was unknown a moment ago does not count. */
  named?: boolean;
  /** The repository is known to have it: it need not be confirmed for him. */
  linked?: boolean;
  /** Of a tag: its manifest is fetched next, and `proved` is told then. */
  content?: boolean;
  /** Of a tag: a digest that the upstream has no more, or whose contents it has no more. A tag that means it is asked again. */
  gone?: Digest;
  /** Not what was known before, however fresh. */
  force?: boolean;
  /** Who makes the cache ask. */
  by?: Requester;
}

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
