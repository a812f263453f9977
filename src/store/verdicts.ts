// Verdicts about images by digest: whole in R2, which is strongly consistent, and condensed in KV for low latency.

import type { Digest } from "../oci/digest.ts";
import { withRetries } from "../platform/transient.ts";
import { condensed, type Verdict } from "../policy/verdict.ts";
import { countedBucket, countedKv } from "./counted.ts";
import { verdictKey, verdictKvKey } from "./keys.ts";
import { jsonForm, type Near, type NearKey } from "./near.ts";
import type { ReadVisit } from "./visit.ts";

export class VerdictStore {
  readonly #kv: KVNamespace;
  readonly #bucket: R2Bucket;

  constructor(kv: KVNamespace, bucket: R2Bucket) {
    this.#kv = countedKv(kv);
    this.#bucket = countedBucket(bucket);
  }

  /** Reads R2, which is always current. */
  async getStored(digest: Digest): Promise<Verdict | undefined> {
    const object = await withRetries(() => this.#bucket.get(verdictKey(digest)));
    return object ? object.json<Verdict>() : undefined;
  }

  /** Reads KV, which shows a new verdict after up to a minute; R2 where KV fails. */
  async getNear(digest: Digest): Promise<Verdict | undefined> {
    try {
      return (await this.#kv.get<Verdict>(verdictKvKey(digest), "json")) ?? undefined;
    } catch (error) {
      console.error(`entrepot: KV failed to read a verdict: ${(error as Error).message}`);
      return this.getStored(digest);
    }
  }

  /** Writes R2, then KV. */
  async put(verdict: Verdict): Promise<void> {
    const text = JSON.stringify(verdict);
    const options = { httpMetadata: { contentType: "application/json" } };
    await withRetries(() => this.#bucket.put(verdictKey(verdict.digest), text, options));
    await this.#kv.put(verdictKvKey(verdict.digest), JSON.stringify(condensed(verdict)));
  }

  async remove(digest: Digest): Promise<void> {
    await withRetries(() => this.#bucket.delete(verdictKey(digest)));
    await this.#kv.delete(verdictKvKey(digest));
  }
}

const FORM = jsonForm<Verdict>((verdict) =>
  Array.isArray(verdict.findings) ? (verdict as Verdict) : undefined,
);

/** Reads verdicts for client requests, from the nearest copy of KV's value. */
export class NearVerdicts {
  readonly #near: Near;
  readonly #store: VerdictStore;

  constructor(near: Near, store: VerdictStore) {
    this.#near = near;
    this.#store = store;
  }

  async get(digest: Digest, visit: ReadVisit): Promise<Verdict | undefined> {
    const found = await this.#near.get(nearKey(digest), visit, async () => {
      const value = await this.#store.getNear(digest);
      return value && { value, layer: "kv" };
    });
    return found?.value;
  }
}

function nearKey(digest: Digest): NearKey<Verdict> {
  return { key: verdictKvKey(digest), form: FORM };
}
