// Allowance: how many cold requests one identity may cause at this upstream. A cold request is one for content that is
// not cached; it costs a request upstream and often storage here. The attack: endless names, tags and digests that were
// never pulled. Cached content, and joining a request that is under way, cost nothing.

import { LRUCache } from "lru-cache";
import { RegistryError } from "../../oci/error.ts";
import { atMost } from "../../platform/bounded.ts";

/** Maximum burst, in minutes' worth of requests. */
const BURST_MINUTES = 2;
/** Cost of a request that returned no content, in requests: it fills no cache. */
const COST_WITHOUT_CONTENT = 10;
/** Maximum number of identities; one that is dropped starts with a full bucket. */
const MAX_IDENTITIES = 10_000;

interface Bucket {
  /** Requests left; negative after failures. */
  left: number;
  /** Time of `left`, in ms since the epoch. */
  at: number;
  perMinute: number;
}

export class Allowance {
  readonly #buckets = new LRUCache<string, Bucket>(atMost(MAX_IDENTITIES));

  /** Throws TOOMANYREQUESTS (429) where nothing is left. Takes nothing.
   * @param perMinute 0: no limit
   * @param host for messages */
  check(by: string, perMinute: number, host: string, now: number): void {
    if (perMinute === 0) return;
    const { left } = this.#bucket(by, perMinute, now);
    if (left >= 1) return;
    const seconds = Math.max(1, Math.ceil(((1 - left) * 60) / perMinute));
    throw new RegistryError(
      "TOOMANYREQUESTS",
      `this identity exceeds ${perMinute} uncached requests per minute to ${host}; a request that returns no content counts as ${COST_WITHOUT_CONTENT} (LIMITS.coldRequests)`,
      { unasked: true, personal: true, headers: { "Retry-After": String(seconds) } },
    );
  }

  take(by: string, perMinute: number, now: number): void {
    if (perMinute > 0) this.#bucket(by, perMinute, now).left -= 1;
  }

  /** Charges a request that was refused or failed. */
  chargeFailure(by: string): void {
    const bucket = this.#buckets.get(by);
    if (bucket) bucket.left = Math.max(-bucket.perMinute, bucket.left - (COST_WITHOUT_CONTENT - 1));
  }

  /** Returns the number of identities with nothing left. */
  spent(now: number): number {
    let spent = 0;
    for (const bucket of this.#buckets.values()) if (refilled(bucket, now) < 1) spent += 1;
    return spent;
  }

  #bucket(by: string, perMinute: number, now: number): Bucket {
    const known = this.#buckets.get(by);
    const left = known ? refilled({ ...known, perMinute }, now) : BURST_MINUTES * perMinute;
    const bucket = { left, at: now, perMinute };
    this.#buckets.set(by, bucket);
    return bucket;
  }
}

function refilled({ left, at, perMinute }: Bucket, now: number): number {
  return Math.min(BURST_MINUTES * perMinute, left + (Math.max(0, now - at) * perMinute) / 60_000);
}
