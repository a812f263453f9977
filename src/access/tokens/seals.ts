// Seals: marks on texts that only this deployment can make, so that a value that a client returns is known to have been
// issued here. Nothing is stored: a seal is a MAC (RFC 2104) under the keys that sign this cache's tokens, and is valid
// as long as they are.

import { createHmac, timingSafeEqual } from "node:crypto";
import type { AccessSnapshot, Later } from "../access-snapshot.ts";
import type { SigningKey } from "../contract.ts";
import { signingKey } from "./jwt.ts";

/** Characters of base64url: 132 bits. */
const SEAL_LENGTH = 22;

export class Seals {
  readonly #snapshot: Pick<AccessSnapshot, "keys">;
  readonly #now: number;
  readonly #later: Later;

  /** @param now in ms since the epoch */
  constructor(snapshot: Pick<AccessSnapshot, "keys">, now: number, later: Later) {
    this.#snapshot = snapshot;
    this.#now = now;
    this.#later = later;
  }

  /** Throws UNAVAILABLE (503) where the keys were never read. */
  async seal(text: string): Promise<string> {
    const keys = await this.#snapshot.keys(this.#now, this.#later);
    return sealOf(text, signingKey({ keys }, this.#now));
  }

  /** Throws UNAVAILABLE (503) where the keys were never read. */
  async isSealed(text: string, seal: string): Promise<boolean> {
    const keys = await this.#snapshot.keys(this.#now, this.#later);
    return keys.some((key) => isSame(seal, sealOf(text, key)));
  }
}

/** Uses a derived key, so that a MAC reveals nothing about signatures. */
function sealOf(text: string, { jwk }: SigningKey): string {
  const hmac = createHmac("sha256", `entrepot seal ${jwk.d}`);
  return hmac.update(text).digest("base64url").slice(0, SEAL_LENGTH);
}

function isSame(given: string, seal: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(seal)];
  return one.byteLength === other.byteLength && timingSafeEqual(one, other);
}
