// Verdicts about images by digest: whole in R2, which is strongly consistent, and as copies in KV for low latency.

import type { Digest } from "../oci/digest.ts";
import { withRetries } from "../platform/transient.ts";
import type { Verdict } from "../policy/verdict.ts";
import { countedBucket, countedKv } from "./counted.ts";
import { verdictKey, verdictKvKey } from "./keys.ts";

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

  /** Writes R2, then KV. */
  async put(verdict: Verdict): Promise<void> {
    const text = JSON.stringify(verdict);
    const options = { httpMetadata: { contentType: "application/json" } };
    await withRetries(() => this.#bucket.put(verdictKey(verdict.digest), text, options));
    await this.#kv.put(verdictKvKey(verdict.digest), text);
  }

  async remove(digest: Digest): Promise<void> {
    await withRetries(() => this.#bucket.delete(verdictKey(digest)));
    await this.#kv.delete(verdictKvKey(digest));
  }
}
