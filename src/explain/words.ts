// Wording of digests, durations and lists.

import type { Digest } from "../oci/digest.ts";
import { inWords } from "../pull/stale.ts";

const MAX_LISTED = 5;

export function short(digest: Digest): string {
  return digest.slice(0, digest.indexOf(":") + 13);
}

export function list(texts: readonly string[]): string {
  const more = texts.length - MAX_LISTED;
  return texts.slice(0, MAX_LISTED).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

/** @param time a duration in ms */
export function words(time: number): string {
  return inWords(Math.max(0, Math.floor(time / 1000)));
}
