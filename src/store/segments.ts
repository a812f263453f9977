// Segments: blobs are stored in pieces of 8 MiB, so that one can be read while the next is being fetched.

import type { Digest } from "../oci/digest.ts";

export const SEGMENT = 8 * 1024 * 1024;

/** How a blob that is wholly here is stored. A blob that fits one segment is its head object alone. */
export interface Layout {
  digest: Digest;
  /** In bytes. */
  size: number;
  /** Which attempt at fetching it wrote the segments behind the head. */
  attempt: string;
  /** The digest of the same bytes by the other algorithm; undefined where an earlier version stored it. */
  twin?: Digest;
  /** Of its publication: R2's version of the head, "associated with a specific upload" (Workers API reference). */
  generation: string;
}

export function segmentCount(size: number): number {
  return Math.max(1, Math.ceil(size / SEGMENT));
}

/** The length of segment `number` of a blob of `size` bytes. */
export function segmentLength(size: number, number: number): number {
  return Math.min(SEGMENT, size - number * SEGMENT);
}
