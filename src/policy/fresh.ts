// Freshness: what is known of a tag, or of a list, is a claim with an age. Is it fresh, may it be served while it is checked,
// may it be served although it cannot be? Pure.

import type { Rule } from "../config/rule.ts";
import type { Digest } from "../oci/digest.ts";
import type { RegistryError } from "../oci/error.ts";
import { namesOf } from "./allowed.ts";
import { matchesTag } from "./glob.ts";
import type { Source } from "./source.ts";

/** A tag's digest as the upstream told it: a claim with an age, never a truth. */
export interface TagMapping {
  digest: Digest;
  /** As the upstream's HEAD told them; undefined where it did not. */
  mediaType?: string;
  size?: number;
  /** When the upstream was last asked, in ms since the epoch. */
  checkedAt: number;
  /** The upstream has it no more, and the rule keeps it. */
  deleted?: boolean;
  /** It is in the record of this repository's tags too. */
  recorded?: boolean;
  /** The repository is linked to the digest (store/links). False: it is only named by the upstream. Absent in mappings of earlier
   * versions, where being named was enough. */
  proved?: boolean;
}

/** fresh: nothing to ask. passing: to be answered at once, and checked behind the answer. stale: to be checked before. */
export type Freshness = "fresh" | "passing" | "stale";

export function freshnessOf(
  mapping: TagMapping,
  source: Source,
  tag: string,
  now: number,
): Freshness {
  const { tagTtl, staleWhileRevalidate, keepDeleted } = source.rule;
  if (mapping.deleted && !keepDeleted) return "stale"; // kept for another rule of this upstream
  if (isImmutable(source, tag)) return "fresh";
  const age = now - mapping.checkedAt;
  if (age < tagTtl) return "fresh";
  return age < tagTtl + staleWhileRevalidate ? "passing" : "stale";
}

/** A tag that never moves: checked once, and never again. */
export function isImmutable(source: Source, tag: string): boolean {
  const names = namesOf(source);
  return source.rule.immutableTags.some((glob) => matchesTag(glob, names, tag));
}

/** For how long what is cached is served on, in ms, while the upstream refuses our credentials: access may have been
 * withdrawn. */
const STALE_IF_REFUSED = 60 * 60_000;

/** Whether what was checked then may be served although the upstream gave this error just now.
 * @param ttl for how long it was fresh, in ms */
export function mayServeStale(
  checkedAt: number,
  ttl: number,
  rule: Rule,
  error: RegistryError,
  now: number,
): boolean {
  if (!isFailure(error)) return false;
  const isRefused = error.status === 401 || error.status === 403;
  const grace = isRefused ? Math.min(rule.staleIfError, STALE_IF_REFUSED) : rule.staleIfError;
  return now - checkedAt < ttl + grace;
}

/** Whether the error says nothing of what was asked for, but that the upstream cannot or will not tell, or that the cache
 * itself cannot ask. */
function isFailure({ status }: RegistryError): boolean {
  return status === 401 || status === 403 || status === 429 || status >= 500;
}
