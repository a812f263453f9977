// Candidate: an image that a lifecycle policy may expire, with everything that policies look at.

import type { Digest } from "../../oci/digest.ts";

/** Times are in ms since the epoch. */
export interface Candidate {
  /** Origin and repository (policy/source); "" where they are no longer known. */
  place: string;
  digest: Digest;
  tags: string[];
  /** When it was first cached, which takes the role of a push. */
  pushedAt: number;
  /** Undefined where it was never pulled, or the last pull is unknown. */
  pulledAt?: number;
  /** Since when the last pull is unknown: its age counts from there. Never set together with `pulledAt`. */
  unknownSince?: number;
  /** Total size in bytes of its cached contents, shared ones included. */
  size: number;
  /** Its contents; set only where a rule counts sizes. */
  parts?: ImagePart[];
  /** An administrator has pinned it: nothing expires it. */
  pinned?: true;
}

/** A manifest or a blob, which images may share. */
export interface ImagePart {
  /** The content's number in the catalog. */
  id: number;
  bytes: number;
}
