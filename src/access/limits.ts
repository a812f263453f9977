// Limits: how often an address may come with credentials that are none, and an identity may ask at all. Counted by the platform, in each
// of its places; without those bindings there are none.

import ipaddr from "ipaddr.js";
import { LRUCache } from "lru-cache";
import type { Limiter } from "../env.ts";
import { RegistryError } from "../oci/error.ts";

/** The bindings count by this time, in s (wrangler.toml). */
const PERIOD = 60;
/** One call of REQUESTS stands for so many requests of an identity to an isolate: whoever asks for less costs none. */
const EACH = 100;
/** What was refused once is refused for so long without asking, in ms. */
const REFUSED = 10_000;
const MOST = 10_000;
/** An address with too many failed logins has a secret looked up that is not known near this often, in ms: whoever has a good one there
 * gets in, and whoever guesses costs the book no more. */
const LOOKUP = 1_000;

export class Limits {
  readonly #logins: Limiter | undefined;
  readonly #requests: Limiter | undefined;
  /** By addresses with too many failed logins. */
  readonly #shut = new LRUCache<string, { until: number; lookedUpAt: number }>({ max: MOST });
  readonly #seen = new LRUCache<string, { count: number; refusedUntil: number }>({ max: MOST });

  constructor({ LOGINS, REQUESTS }: { LOGINS?: Limiter; REQUESTS?: Limiter }) {
    this.#logins = LOGINS;
    this.#requests = REQUESTS;
  }

  /** Which of them the platform counts here. */
  get bound(): { logins: boolean; requests: boolean } {
    return { logins: this.#logins !== undefined, requests: this.#requests !== undefined };
  }

  /** Somebody came with credentials that are none. Those who come with good ones from there are not counted. Throws
   * TOOMANYREQUESTS (429). @param now in ms since the epoch */
  async failed(address: string | undefined, now: number): Promise<void> {
    const key = addressKey(address);
    if (await isWithinLimit(this.#logins, `login ${key}`)) return;
    const { lookedUpAt = Number.NEGATIVE_INFINITY } = this.#shut.get(key) ?? {};
    this.#shut.set(key, { until: now + REFUSED, lookedUpAt });
    throw tooManyLogins();
  }

  /** Before a secret is looked up far away. Throws TOOMANYREQUESTS (429). @param now in ms since the epoch */
  lookingUp(address: string | undefined, now: number): void {
    const shut = this.#shut.get(addressKey(address));
    if (!shut || shut.until <= now) return;
    if (now - shut.lookedUpAt < LOOKUP) throw tooManyLogins();
    shut.lookedUpAt = now;
  }

  /** Throws TOOMANYREQUESTS (429). @param now in ms since the epoch */
  async asked(who: string, now: number): Promise<void> {
    const seen = this.#seen.get(who) ?? { count: 0, refusedUntil: 0 };
    this.#seen.set(who, seen);
    seen.count += 1;
    if (seen.count % EACH === 0 && !(await isWithinLimit(this.#requests, who)))
      seen.refusedUntil = now + REFUSED;
    if (now < seen.refusedUntil) throw tooMany("too many requests of this identity");
  }
}

async function isWithinLimit(limiter: Limiter | undefined, key: string): Promise<boolean> {
  try {
    return (await limiter?.limit({ key }))?.success ?? true;
  } catch (error) {
    // A limit that cannot be counted refuses nobody.
    console.error(`entrepot: a limit was not counted: ${(error as Error).message}`);
    return true;
  }
}

function tooManyLogins(): RegistryError {
  return tooMany("too many failed logins from this address");
}

function tooMany(what: string): RegistryError {
  return new RegistryError("TOOMANYREQUESTS", `${what}; ask again in a minute`, {
    headers: { "Retry-After": String(PERIOD) },
  });
}

/** Whoever has an IPv6 network has all of its /64. */
export function addressKey(address: string | undefined): string {
  if (!address?.includes(":")) return address ?? "unknown";
  try {
    const parsed = ipaddr.parse(address);
    return parsed.toByteArray().slice(0, 8).join(".");
  } catch {
    return "unknown";
  }
}
