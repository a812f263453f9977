// Hashing: node:crypto beats DigestStream by far on workerd, and can be fed piece by piece.

import { createHash, type Hash } from "node:crypto";
import { type Algorithm, algorithmOf, type Digest } from "./digest.ts";

export function hasherFor(digest: Digest): Hash {
  return createHash(algorithmOf(digest));
}

export function digestOf(bytes: Uint8Array, algorithm: Algorithm = "sha256"): Digest {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}` as Digest;
}
