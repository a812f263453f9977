// The keys that tokens of ours are signed with, Ed25519: each is known everywhere before it signs, and verifies for a while after the next
// one has begun to, so that nobody is logged out.

import { exportJWK, generateKeyPair } from "jose";
import type { Sqlite } from "../../platform/sqlite.ts";
import type { SigningKey } from "../contract.ts";

const DAY = 24 * 60 * 60_000;
/** Every isolate has a page that is younger (access/book), in ms: a new key signs after that time. */
const KNOWN_AFTER = 2 * 60_000;
/** A key signs for so long, and verifies for so long after that, in ms: longer than a token of ours lives. */
const SIGNS = 30 * DAY;
const VERIFIES = 60 * 60_000;

export class Keys {
  readonly #storage: Pick<DurableObjectStorage, "transactionSync">;
  readonly #database: Sqlite;

  constructor(storage: Pick<DurableObjectStorage, "transactionSync">, database: Sqlite) {
    this.#storage = storage;
    this.#database = database;
  }

  /** In the order in which they sign; the youngest is made where its time has come. */
  async current(now: number): Promise<SigningKey[]> {
    const youngest = this.#valid(now).at(-1);
    if (!youngest) await this.#add(now, now);
    else if (now > youngest.signsFrom + SIGNS) await this.rotate(now);
    return this.#valid(now);
  }

  rotate(now: number): Promise<string> {
    return this.#add(now, now + KNOWN_AFTER);
  }

  /** In the order in which they sign: those that may still verify something. */
  #valid(now: number): SigningKey[] {
    const rows = this.#database.all<{ kid: string; jwk: string; signs_from: number }>(
      "SELECT kid, jwk, signs_from FROM keys WHERE coalesce(replaced_at, ?1) > ?1 - ?2 ORDER BY signs_from, kid",
      now,
      VERIFIES,
    );
    return rows.map(({ kid, jwk, signs_from }) => ({
      kid,
      jwk: JSON.parse(jwk),
      signsFrom: signs_from,
    }));
  }

  async #add(now: number, signsFrom: number): Promise<string> {
    const { privateKey } = await generateKeyPair("Ed25519", { extractable: true });
    const jwk = await exportJWK(privateKey);
    const kid = crypto.randomUUID();
    return this.#storage.transactionSync(() => {
      // Another call may have made the first one while this one was being made.
      const first = this.#database.first<{ kid: string }>("SELECT kid FROM keys LIMIT 1");
      if (first && signsFrom === now) return first.kid;
      this.#database.run("DELETE FROM keys WHERE replaced_at < ?", now - VERIFIES);
      this.#database.run("UPDATE keys SET replaced_at = ? WHERE replaced_at IS NULL", signsFrom);
      this.#database.run(
        "INSERT INTO keys VALUES (?, ?, ?, NULL)",
        kid,
        JSON.stringify(jwk),
        signsFrom,
      );
      return kid;
    });
  }
}
