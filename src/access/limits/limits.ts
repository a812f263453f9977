// Limits: how often an address may send wrong credentials, and how many requests an identity may make. Counted by the
// platform in each of its locations; without its bindings only guesses of chosen secrets are limited
// (access/limits/guesses.ts).

import { LRUCache } from "lru-cache";
import { atMost } from "../../platform/bounded.ts";
import type { Limiter } from "../contract.ts";
import { Guesses, tooMany, tooManyLogins } from "./guesses.ts";
import { networksOf } from "./networks.ts";

/** Requests of an identity to one isolate for each call of the REQUESTS limiter: fewer cost no call. */
const REQUESTS_PER_CALL = 100;
/** How long a refusal stands without asking the limiter again, in ms. */
const REFUSAL_TTL = 10_000;
const MAX_REMEMBERED = 10_000;
/** Minimum interval in ms between look-ups of unknown secrets from an address with too many failed logins: a valid
 * token there still works, and guesses cost the access object no more than that. */
const LOOKUP_INTERVAL = 1_000;
/** Failed logins of an IPv6 /48 for each one counted against it: it may have ten times as many as a /64. */
const LOGINS_PER_SITE_CALL = 10;
/** How long a refused secret is remembered, in ms: sending it again from the same address is not counted as another
 * guess. */
const REPEAT_TTL = 10 * 60_000;

export class Limits {
  /** Limits attempts at secrets that a person may have chosen. */
  readonly guesses: Guesses;
  readonly #logins: Limiter | undefined;
  readonly #requests: Limiter | undefined;
  /** Networks with too many failed logins. */
  readonly #shut = new LRUCache<string, { until: number; lookedUpAt: number }>(
    atMost(MAX_REMEMBERED),
  );
  readonly #seen = new LRUCache<string, { count: number; refusedUntil: number }>(
    atMost(MAX_REMEMBERED),
  );
  /** /48 → failed logins in this isolate. */
  readonly #sites = new LRUCache<string, number>(atMost(MAX_REMEMBERED));
  /** Network and hash of a refused secret → time, in ms since the epoch. */
  readonly #refused = new LRUCache<string, number>(atMost(MAX_REMEMBERED));

  constructor({ LOGINS, REQUESTS }: { LOGINS?: Limiter; REQUESTS?: Limiter }) {
    this.#logins = LOGINS;
    this.#requests = REQUESTS;
    this.guesses = new Guesses((address) => this.#countLogin(address));
  }

  /** Which limits the platform counts. */
  get bound(): { logins: boolean; requests: boolean } {
    return { logins: this.#logins !== undefined, requests: this.#requests !== undefined };
  }

  /** Counts wrong credentials. Valid ones from the same address are not counted, nor are the same wrong ones again:
   * one node with a stale token must not block all behind its address. Throws TOOMANYREQUESTS (429).
   * @param now in ms since the epoch
   * @param of the secret's hash */
  async failed(address: string | undefined, now: number, of?: string): Promise<void> {
    const { link } = networksOf(address);
    const guess = `${link} ${of}`;
    if (of !== undefined && now - (this.#refused.get(guess) ?? -REPEAT_TTL) < REPEAT_TTL) return;
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

  /** Called before a secret is looked up in the access object. Throws TOOMANYREQUESTS (429). @param now in ms since
   * the epoch */
  lookingUp(address: string | undefined, now: number): void {
    const { link, site } = networksOf(address);
    for (const key of new Set([link, site])) {
      const shut = this.#shut.get(key);
      if (!shut || shut.until <= now) continue;
      if (now - shut.lookedUpAt < LOOKUP_INTERVAL) throw tooManyLogins();
      shut.lookedUpAt = now;
    }
  }

  /** Counts a request. Throws TOOMANYREQUESTS (429). @param now in ms since the epoch */
  async asked(who: string, now: number): Promise<void> {
    const seen = this.#seen.get(who) ?? { count: 0, refusedUntil: 0 };
    this.#seen.set(who, seen);
    seen.count += 1;
    if (seen.count % REQUESTS_PER_CALL === 0 && (await isWithin(this.#requests, who)) === false)
      seen.refusedUntil = now + REFUSAL_TTL;
    if (now < seen.refusedUntil) throw tooMany("too many requests from this identity");
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
    if (count % LOGINS_PER_SITE_CALL !== 0) return undefined;
    return (await isWithin(this.#logins, `login ${site}`)) === false ? site : undefined;
  }
}

/** Undefined where nothing counts: without a count, a login with a random token, which cannot be guessed, is not
 * refused. */
async function isWithin(limiter: Limiter | undefined, key: string): Promise<boolean | undefined> {
  try {
    return (await limiter?.limit({ key }))?.success;
  } catch (error) {
    console.error(`entrepot: the rate limiter failed: ${(error as Error).message}`);
    return undefined;
  }
}

/** An address as one identity, for limits and budgets: of IPv6 its /48, since by /64 one customer would be 65,536
 * identities. */
export function addressKey(address: string | undefined): string {
  return networksOf(address).site;
}
