// Ed25519 keys that sign this cache's tokens. A key is known to every isolate before it signs, and verifies for a while
// after it was replaced, so that tokens in use stay valid.

import { exportJWK, generateKeyPair } from "jose";
import type { Sqlite } from "../../platform/sqlite.ts";
import type { SigningKey } from "../contract.ts";

const DAY = 24 * 60 * 60_000;
/** Delay before a new key signs, in ms: by then every isolate has a page that contains it
 * (access/access-snapshot.ts). */
const SIGNING_DELAY = 2 * 60_000;
/** How long a key signs, and how long it verifies after that, in ms: longer than a token lives. */
const SIGNING_TIME = 30 * DAY;
const VERIFYING_TIME = 60 * 60_000;

export class SigningKeys {
  readonly #storage: Pick<DurableObjectStorage, "transactionSync">;
  readonly #database: Sqlite;

  constructor(storage: Pick<DurableObjectStorage, "transactionSync">, database: Sqlite) {
    this.#storage = storage;
    this.#database = database;
  }

  /** In the order in which they sign. Adds the first key, and a new one when the newest has signed for its time. */
  async current(now: number): Promise<SigningKey[]> {
    const youngest = this.#valid(now).at(-1);
    if (!youngest) await this.#add(now, now);
    else if (now > youngest.signsFrom + SIGNING_TIME) await this.rotate(now);
    return this.#valid(now);
  }

  rotate(now: number): Promise<string> {
    return this.#add(now, now + SIGNING_DELAY);
  }

  /** The keys that may still verify a token, in the order in which they sign. */
  #valid(now: number): SigningKey[] {
    const rows = this.#database.all<{ kid: string; jwk: string; signs_from: number }>(
      "SELECT kid, jwk, signs_from FROM keys WHERE coalesce(replaced_at, ?1) > ?1 - ?2 ORDER BY signs_from, kid",
      now,
      VERIFYING_TIME,
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
      // A concurrent call may have added the first key meanwhile.
      const first = this.#database.first<{ kid: string }>("SELECT kid FROM keys LIMIT 1");
      if (first && signsFrom === now) return first.kid;
      this.#database.run("DELETE FROM keys WHERE replaced_at < ?", now - VERIFYING_TIME);
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
