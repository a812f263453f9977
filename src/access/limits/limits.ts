// Limits: how often an address may come with credentials that are none, and an identity may ask at all. Counted by the platform, in each
// of its places; without those bindings there are none, except for guesses of secrets that a person chose (access/guesses).

import { LRUCache } from "lru-cache";
import type { Limiter } from "../contract.ts";
import { Guesses, tooMany, tooManyLogins } from "./guesses.ts";
import { networksOf } from "./networks.ts";

/** One call of REQUESTS stands for so many requests of an identity to an isolate: whoever asks for less costs none. */
const EACH = 100;
/** What was refused once is refused for so long without asking, in ms. */
const REFUSAL_TTL = 10_000;
const MAX_REMEMBERED = 10_000;
/** An address with too many failed logins has a secret looked up that is not known near this often, in ms: whoever has a good one there
 * gets in, and whoever guesses costs the book no more. */
const LOOKUP = 1_000;
/** Failed logins of an IPv6 /48 per failed login that is counted against the /48: it may have ten times what a /64 may. */
const SITE_EACH = 10;
/** How long a refused secret is remembered, in ms: the same one again, from the same address, is no further guess. */
const REPEATED = 10 * 60_000;

export class Limits {
  /** Of secrets that a person may have chosen. */
  readonly guesses: Guesses;
  readonly #logins: Limiter | undefined;
  readonly #requests: Limiter | undefined;
  /** By networks with too many failed logins. */
  readonly #shut = new LRUCache<string, { until: number; lookedUpAt: number }>({
    max: MAX_REMEMBERED,
  });
  readonly #seen = new LRUCache<string, { count: number; refusedUntil: number }>({
    max: MAX_REMEMBERED,
  });
  /** Failed logins in this isolate, by /48. */
  readonly #sites = new LRUCache<string, number>({ max: MAX_REMEMBERED });
  /** When a secret was refused, by network and hash, in ms since the epoch. */
  readonly #refused = new LRUCache<string, number>({ max: MAX_REMEMBERED });

  constructor({ LOGINS, REQUESTS }: { LOGINS?: Limiter; REQUESTS?: Limiter }) {
    this.#logins = LOGINS;
    this.#requests = REQUESTS;
    this.guesses = new Guesses((address) => this.#countLogin(address));
  }

  /** Which of them the platform counts here. */
  get bound(): { logins: boolean; requests: boolean } {
    return { logins: this.#logins !== undefined, requests: this.#requests !== undefined };
  }

  /** Counts credentials that are none. Good ones from there are not counted, and the same wrong one again is not either: one stale
   * node must not have the address shut for all behind it. Throws TOOMANYREQUESTS (429).
   * @param now in ms since the epoch @param of the secret's hash */
  async failed(address: string | undefined, now: number, of?: string): Promise<void> {
    const { link } = networksOf(address);
    const guess = `${link} ${of}`;
    if (of !== undefined && now - (this.#refused.get(guess) ?? -REPEATED) < REPEATED) return;
    const full = await this.#countLogin(address);
    if (full === "uncounted") return;
    if (full === undefined) {
      if (of !== undefined) this.#refused.set(guess, now);
      return;
    }
    const { lookedUpAt = Number.NEGATIVE_INFINITY } = this.#shut.get(full) ?? {};
    this.#shut.set(full, { until: now + REFUSAL_TTL, lookedUpAt });
    throw tooManyLogins();
  }

  /** Before a secret is looked up far away. Throws TOOMANYREQUESTS (429). @param now in ms since the epoch */
  lookingUp(address: string | undefined, now: number): void {
    const { link, site } = networksOf(address);
    for (const key of new Set([link, site])) {
      const shut = this.#shut.get(key);
      if (!shut || shut.until <= now) continue;
      if (now - shut.lookedUpAt < LOOKUP) throw tooManyLogins();
      shut.lookedUpAt = now;
    }
  }

  /** Throws TOOMANYREQUESTS (429). @param now in ms since the epoch */
  async asked(who: string, now: number): Promise<void> {
    const seen = this.#seen.get(who) ?? { count: 0, refusedUntil: 0 };
    this.#seen.set(who, seen);
    seen.count += 1;
    if (seen.count % EACH === 0 && (await isWithin(this.#requests, who)) === false)
      seen.refusedUntil = now + REFUSAL_TTL;
    if (now < seen.refusedUntil) throw tooMany("too many requests of this identity");
  }

  /** @returns the network whose limit is reached; `uncounted` where the platform counts none */
  async #countLogin(address: string | undefined): Promise<string | "uncounted" | undefined> {
    const { link, site } = networksOf(address);
    const isLinkWithin = await isWithin(this.#logins, `login ${link}`);
    if (isLinkWithin === undefined) return "uncounted";
    if (!isLinkWithin) return link;
    if (site === link) return undefined;
    const count = (this.#sites.get(site) ?? 0) + 1;
    this.#sites.set(site, count);
    if (count % SITE_EACH !== 0) return undefined;
    return (await isWithin(this.#logins, `login ${site}`)) === false ? site : undefined;
  }
}

/** Undefined where it is not counted: a limit that cannot be counted refuses no login that nobody can guess. */
async function isWithin(limiter: Limiter | undefined, key: string): Promise<boolean | undefined> {
  try {
    return (await limiter?.limit({ key }))?.success;
  } catch (error) {
    console.error(`entrepot: a limit was not counted: ${(error as Error).message}`);
    return undefined;
  }
}

/** An address as one identity, for limits and budgets. Of IPv6 the /48: by /64, one customer would be 65,536 identities. */
export function addressKey(address: string | undefined): string {
  return networksOf(address).site;
}
