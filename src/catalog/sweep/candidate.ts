// A candidate: an image that a lifecycle policy may expire, with all that policies look at.

import type { Digest } from "../../oci/digest.ts";

/** Times are in ms since the epoch. */
export interface Candidate {
  /** Origin and repository (policy/source); "" where they are not known any more. */
  place: string;
  digest: Digest;
  tags: string[];
  /** When it was first cached: to us that is its push. */
  pushedAt: number;
  /** Undefined where it was never pulled, or that is not known. */
  pulledAt?: number;
  /** Since when it is not known when it was last pulled: its time counts from there. Never with `pulledAt`. */
  unknownSince?: number;
  /** In bytes, of all that it consists of and that is here, alone or shared with others. */
  size: number;
  /** What it consists of. Told only where a rule counts sizes. */
  parts?: ImagePart[];
  /** Somebody has said that nothing expires it. */
  pinned?: true;
}

/** A manifest or a blob, which several images may share. */
export interface ImagePart {
  /** The content's number in the catalog. */
  id: number;
  bytes: number;
}
