// Whether R2 and KV answer at all: asked by whoever looks a deployment over.

import { countedBucket, countedKv } from "./counted.ts";
import { probeKey } from "./keys.ts";

export class ProbeStore {
  readonly #kv: KVNamespace;
  readonly #bucket: R2Bucket;

  constructor(kv: KVNamespace, bucket: R2Bucket) {
    this.#kv = countedKv(kv);
    this.#bucket = countedBucket(bucket);
  }

  /** Rejects with what the platform says. */
  async kv(): Promise<void> {
    await this.#kv.get(probeKey());
  }

  async r2(): Promise<void> {
    await this.#bucket.head(probeKey());
  }
}
