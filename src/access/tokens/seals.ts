// Seals: a mark on a text that only this deployment can make, so that what a client brings back is known to have been handed out here.
// Nothing is stored for it: the mark is a MAC (RFC 2104) under the keys that tokens of ours are signed with, and good for as long.

import { createHmac, timingSafeEqual } from "node:crypto";
import type { AccessSnapshot, Later } from "../access-snapshot.ts";
import type { SigningKey } from "../contract.ts";
import { signingKey } from "./jwt.ts";

/** In characters of base64url: 132 bits. */
const LENGTH = 22;

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

/** Under a key of its own: of no MAC anything follows about a signature. */
function sealOf(text: string, { jwk }: SigningKey): string {
  const hmac = createHmac("sha256", `entrepot seal ${jwk.d}`);
  return hmac.update(text).digest("base64url").slice(0, LENGTH);
}

function isSame(given: string, seal: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(seal)];
  return one.byteLength === other.byteLength && timingSafeEqual(one, other);
}
