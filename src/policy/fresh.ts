// Is what is known of a tag still fresh? Pure; the next rules of freshness come here.

import type { Digest } from "../oci/digest.ts";

/** A tag's digest as the upstream told it: a claim with an age, never a truth. */
export interface TagMapping {
  digest: Digest;
  /** As the upstream's HEAD told them; undefined where it did not. */
  mediaType?: string;
  size?: number;
  /** When the upstream was last asked, in ms since the epoch. */
  checkedAt: number;
}

export function isFresh(mapping: TagMapping, tagTtl: number, now: number): boolean {
  return now - mapping.checkedAt < tagTtl;
}
