// Guesses: limits attempts at secrets that a person may have chosen. An attempt is counted before the comparison, so
// that trying many values does not find the right one.

import { LRUCache } from "lru-cache";
import { RegistryError } from "../../oci/error.ts";
import { atMost } from "../../platform/bounded.ts";
import { networksOf } from "./networks.ts";

/** Period of the platform's limiter, in s (wrangler.toml). */
const PERIOD_SECONDS = 60;
/** How long an address over its limit is refused without asking the limiter again, in ms. */
const REFUSAL_TTL = 10_000;
/** How long an address is trusted after a right secret, in ms: its next attempt is counted only if it is wrong. So
 * the command line and a scraper, which send the secret with each request, are not limited. */
const TRUST_TTL = 5 * 60_000;
/** Maximum number of attempts per network and PERIOD_SECONDS in this isolate, where the platform's limiter, LOGINS, is not
 * bound or fails. */
const MAX_OWN = 20;
const MAX_ADDRESSES = 10_000;

/** Counts a failed login. @returns the network whose limit is reached; `uncounted` where nothing counts */
export type CountLogin = (address: string | undefined) => Promise<string | "uncounted" | undefined>;

export class Guesses {
  readonly #countLogin: CountLogin;
  /** Network → end of its refusal, in ms since the epoch. */
  readonly #shut = new LRUCache<string, number>(atMost(MAX_ADDRESSES));
  /** Network → start of its trust, in ms since the epoch. */
  readonly #trusted = new LRUCache<string, number>(atMost(MAX_ADDRESSES));
  readonly #own = new LRUCache<string, { count: number; since: number }>(atMost(MAX_ADDRESSES));

  constructor(countLogin: CountLogin) {
    this.#countLogin = countLogin;
  }

  /** Compares only while the address is within its limit: beyond it the right secret is refused too, since otherwise
   * an attacker would recognize it. Other addresses are not affected. Throws TOOMANYREQUESTS (429).
   * @param now in ms since the epoch
   * @param compare returns undefined for a wrong secret */
  async guess<T>(
    address: string | undefined,
    now: number,
    compare: () => T | undefined,
  ): Promise<T | undefined> {
    const { link, site } = networksOf(address);
    if ([link, site].some((network) => (this.#shut.get(network) ?? 0) > now)) throw tooManyLogins();
    const isTrusted = now - (this.#trusted.get(link) ?? -TRUST_TTL) < TRUST_TTL;
    if (!isTrusted) await this.#count(address, now);
    const found = compare();
    if (found === undefined) {
      this.#trusted.delete(link);
      if (isTrusted) await this.#count(address, now);
    } else if (!isTrusted) this.#trusted.set(link, now);
    return found;
  }

  async #count(address: string | undefined, now: number): Promise<void> {
    const counted = await this.#countLogin(address);
    const full = counted === "uncounted" ? this.#countOwn(networksOf(address).site, now) : counted;
    if (full === undefined) return;
    this.#shut.set(full, now + REFUSAL_TTL);
    throw tooManyLogins();
  }

  #countOwn(network: string, now: number): string | undefined {
    const known = this.#own.get(network);
    const own =
      known && now - known.since < PERIOD_SECONDS * 1000 ? known : { count: 0, since: now };
    own.count += 1;
    this.#own.set(network, own);
    return own.count > MAX_OWN ? network : undefined;
  }
}

export function tooManyLogins(): RegistryError {
  return tooMany("too many failed logins from this address");
}

export function tooMany(what: string): RegistryError {
  return new RegistryError("TOOMANYREQUESTS", `${what}; try again in a minute`, {
    headers: { "Retry-After": String(PERIOD_SECONDS) },
  });
}
