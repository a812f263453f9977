// Hashing with node:crypto, which is much faster than DigestStream on workerd and can be fed in pieces.

import { createHash, type Hash } from "node:crypto";
import { type Algorithm, algorithmOf, type Digest, otherAlgorithm } from "./digest.ts";

export function digestOf(bytes: Uint8Array, algorithm: Algorithm = "sha256"): Digest {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}` as Digest;
}

/** The digest of the same bytes by the other algorithm. */
export function twinOf(digest: Digest, bytes: Uint8Array): Digest {
  return digestOf(bytes, otherAlgorithm(digest));
}

/** An incremental hash by both algorithms at once. */
export class TwinHash {
  readonly #digest: Digest;
  readonly #hash: Hash;
  readonly #twin: Hash;

  constructor(digest: Digest, hash?: Hash, twin?: Hash) {
    this.#digest = digest;
    this.#hash = hash ?? createHash(algorithmOf(digest));
    this.#twin = twin ?? createHash(otherAlgorithm(digest));
  }

  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
    this.#twin.update(bytes);
  }

  copy(): TwinHash {
    return new TwinHash(this.#digest, this.#hash.copy(), this.#twin.copy());
  }

  /** Ends the hash; `hex` is by the digest's own algorithm. */
  end(): { hex: string; twin: Digest } {
    const twin = `${otherAlgorithm(this.#digest)}:${this.#twin.digest("hex")}` as Digest;
    return { hex: this.#hash.digest("hex"), twin };
  }
}
