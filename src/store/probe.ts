// Probe: checks that R2 and KV respond, for health checks of a deployment.

import { countedBucket, countedKv } from "./counted.ts";
import { probeKey } from "./keys.ts";

export class ProbeStore {
  readonly #kv: KVNamespace;
  readonly #bucket: R2Bucket;

  constructor(kv: KVNamespace, bucket: R2Bucket) {
    this.#kv = countedKv(kv);
    this.#bucket = countedBucket(bucket);
  }

  /** Rejects with the platform's error. */
  async kv(): Promise<void> {
    await this.#kv.get(probeKey());
  }

  async r2(): Promise<void> {
    await this.#bucket.head(probeKey());
  }
}
