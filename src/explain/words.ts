// Digests, times and lists as people read them.

import type { Digest } from "../oci/digest.ts";

const MOST = 5;

export function short(digest: Digest): string {
  return digest.slice(0, digest.indexOf(":") + 13);
}

export function list(texts: readonly string[]): string {
  const more = texts.length - MOST;
  return texts.slice(0, MOST).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

/** @param time in ms */
export function words(time: number): string {
  const units = [
    [86_400_000, "d"],
    [3_600_000, "h"],
    [60_000, "min"],
  ] as const;
  const [size, unit] = units.find(([size]) => time >= 2 * size) ?? [1_000, "s"];
  return `${Math.max(0, Math.floor(time / size))} ${unit}`;
}
