// Allowance: how many cold questions one identity may cause at this upstream: what is not in the cache, and so costs a request there and
// often storage here. The attack: endless names, tags and digests that were never pulled. What is cached, and what joins a question
// that is under way, costs nothing.

import { LRUCache } from "lru-cache";
import { RegistryError } from "../../oci/error.ts";

/** So many minutes' worth may be used at once. */
const BURST = 2;
/** What an answer without content costs, in questions: it fills no cache. */
const VAIN = 10;
/** Identities; one that is forgotten begins anew. */
const MAX_IDENTITIES = 10_000;

interface Bucket {
  /** Questions; negative while what failed is made up for. */
  left: number;
  /** In ms since the epoch. */
  at: number;
  perMinute: number;
}

export class Allowance {
  readonly #buckets = new LRUCache<string, Bucket>({ max: MAX_IDENTITIES });

  /** Throws TOOMANYREQUESTS (429) where nothing is left. Takes nothing yet.
   * @param perMinute 0: no limit @param host for messages */
  check(by: string, perMinute: number, host: string, now: number): void {
    if (perMinute === 0) return;
    const { left } = this.#bucket(by, perMinute, now);
    if (left >= 1) return;
    const seconds = Math.max(1, Math.ceil(((1 - left) * 60) / perMinute));
    throw new RegistryError(
      "TOOMANYREQUESTS",
      `this identity asks ${host} for too much that is not cached: ${perMinute} questions a minute are its share, and one in vain counts as ${VAIN} (LIMITS.coldRequests)`,
      { unasked: true, personal: true, headers: { "Retry-After": String(seconds) } },
    );
  }

  take(by: string, perMinute: number, now: number): void {
    if (perMinute > 0) this.#bucket(by, perMinute, now).left -= 1;
  }

  /** What it asked for was refused, or failed. */
  inVain(by: string): void {
    const bucket = this.#buckets.get(by);
    if (bucket) bucket.left = Math.max(-bucket.perMinute, bucket.left - (VAIN - 1));
  }

  /** Identities with nothing left. */
  spent(now: number): number {
    let spent = 0;
    for (const bucket of this.#buckets.values()) if (refilled(bucket, now) < 1) spent += 1;
    return spent;
  }

  #bucket(by: string, perMinute: number, now: number): Bucket {
    const known = this.#buckets.get(by);
    const left = known ? refilled({ ...known, perMinute }, now) : BURST * perMinute;
    const bucket = { left, at: now, perMinute };
    this.#buckets.set(by, bucket);
    return bucket;
  }
}

function refilled({ left, at, perMinute }: Bucket, now: number): number {
  return Math.min(BURST * perMinute, left + (Math.max(0, now - at) * perMinute) / 60_000);
}
