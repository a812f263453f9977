// Segments: blobs are stored in parts of 8 MiB, so that one can be read while the next is being fetched.

import type { Digest } from "../oci/digest.ts";

/** Size of a segment, in bytes. */
export const SEGMENT = 8 * 1024 * 1024;

/** How a complete blob is stored. A blob that fits into one segment is only its head object. */
export interface Layout {
  digest: Digest;
  /** In bytes. */
  size: number;
  /** The fetch attempt that wrote the segments other than the head. */
  attempt: string;
  /** The digest of the same bytes by the other algorithm; undefined if an earlier version stored the blob. */
  twin?: Digest;
  /** Identifies the publication: R2's version of the head, "associated with a specific upload" (Workers API reference). */
  generation: string;
}

export function segmentCount(size: number): number {
  return Math.max(1, Math.ceil(size / SEGMENT));
}

/** The length of segment `number` of a blob of `size` bytes. */
export function segmentLength(size: number, number: number): number {
  return Math.min(SEGMENT, size - number * SEGMENT);
}
