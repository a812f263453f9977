// Freshness of tags and lists: whether one is fresh, may be served while it is checked, or may be served although the check failed. Pure.

import type { Rule } from "../config/rule.ts";
import type { Digest } from "../oci/digest.ts";
import type { RegistryError } from "../oci/error.ts";
import { isDue, verdictOf } from "./age.ts";
import { namesOf } from "./allowed.ts";
import { matchesTag } from "./glob.ts";
import type { Sighting } from "./sightings.ts";
import type { Source } from "./source.ts";

/** A tag's digest as the upstream last reported it; never assumed to be current. */
export interface TagMapping {
  digest: Digest;
  /** From the upstream's HEAD response; undefined if it had none. */
  mediaType?: string;
  size?: number;
  /** Time of the last check at the upstream, in ms since the epoch. */
  checkedAt: number;
  /** The upstream has deleted the tag, and the rule keeps it. */
  deleted?: boolean;
  /** The tag is also in the record of this repository's tags. */
  recorded?: boolean;
  /** The repository is linked to the digest (store/links); false if the upstream has only named it. Absent in mappings of earlier versions,
   * where being named sufficed. */
  proved?: boolean;
  /** What the tag was seen to mean, oldest first, the digest above last. Absent in mappings of earlier versions, and where R2 failed. */
  seen?: readonly Sighting[];
  /** When the tag moved, latest last, in ms since the epoch. */
  moves?: readonly number[];
}

/** fresh: served without a check. passing: served without waiting, and checked in the background. stale: checked before it is served. */
export type Freshness = "fresh" | "passing" | "stale";

export function freshnessOf(
  mapping: TagMapping,
  source: Source,
  tag: string,
  now: number,
): Freshness {
  const { tagTtl, staleWhileRevalidate, keepDeleted } = source.rule;
  if (mapping.deleted && !keepDeleted) return "stale"; // kept by another rule of this upstream
  const verdict = verdictOf(mapping, source, tag, now);
  if (isDue(verdict, now)) return "stale";
  // A tag that is held is checked, even if it is immutable: its digest grows older by checks alone.
  if (verdict.is === "passed" && isImmutable(source, tag)) return "fresh";
  const age = now - mapping.checkedAt;
  if (age < tagTtl) return "fresh";
  return age < tagTtl + staleWhileRevalidate ? "passing" : "stale";
}

/** Whether the tag is resolved once and never checked again. */
export function isImmutable(source: Source, tag: string): boolean {
  const names = namesOf(source);
  return source.rule.immutableTags.some((glob) => matchesTag(glob, names, tag));
}

/** How long cached content is served while the upstream refuses the credentials, in ms: access may have been revoked. */
const STALE_IF_REFUSED = 60 * 60_000;

/** Whether content may be served after this error of the upstream.
 * @param freshUntil when it stopped being fresh, in ms since the epoch */
export function mayServeStale(
  freshUntil: number,
  rule: Rule,
  error: RegistryError,
  now: number,
): boolean {
  if (!isFailure(error)) return false;
  const isRefused = error.status === 401 || error.status === 403;
  const grace = isRefused ? Math.min(rule.staleIfError, STALE_IF_REFUSED) : rule.staleIfError;
  return now - freshUntil < grace;
}

/** Whether the error is a failure of the upstream or the cache, and no statement about the requested content. */
function isFailure({ status }: RegistryError): boolean {
  return status === 401 || status === 403 || status === 429 || status >= 500;
}
