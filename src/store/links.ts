// Links: proof that a repository has a digest at its upstream. Stored content is shared by all repositories, and served only under those
// linked to it. R2 has the authoritative records; KV has copies, which may lag, with the time of the last confirmation.

import type { Digest } from "../oci/digest.ts";
import { withRetries } from "../platform/transient.ts";
import { countedBucket, countedKv } from "./counted.ts";
import { linkKey, linkRecordKey, linkRecordPrefix } from "./keys.ts";
import { listObjects, PAGE } from "./listing.ts";

export interface Link {
  /** In ms since the epoch. */
  confirmedAt: number;
  /** R2 has the record. Absent in entries of earlier versions, where being named by a manifest sufficed. */
  proved?: true;
}

/** How a link was proved: by the bytes, which were hashed; by the upstream's word, at an origin that has delivered the bytes before; or
 * inherited from what an earlier version stored about their source. */
export type Proof = "bytes" | "word" | "inherited";

/** withdrawn: the upstream had the content, and no longer has it. */
export type LinkRecord = "proved" | "withdrawn";

/** Time to live of an unused link in KV, in s. */
const LINK_TTL = 30 * 24 * 60 * 60;

export class LinkStore {
  readonly #kv: KVNamespace;
  readonly #bucket: R2Bucket;

  constructor(kv: KVNamespace, bucket: R2Bucket) {
    this.#kv = countedKv(kv);
    this.#bucket = countedBucket(bucket);
  }

  /** @param place origin and repository (policy/source) */
  async get(place: string, digest: Digest): Promise<Link | undefined> {
    try {
      return (await this.#kv.get<Link>(linkKey(place, digest), "json")) ?? undefined;
    } catch (error) {
      console.error(`entrepot: KV failed to read a link: ${(error as Error).message}`);
      return undefined; // R2 is read instead
    }
  }

  async put(place: string, digest: Digest, link: Link): Promise<void> {
    await this.#kv.put(linkKey(place, digest), JSON.stringify(link), { expirationTtl: LINK_TTL });
  }

  /** The record in R2, which is always current. */
  async recorded(place: string, digest: Digest): Promise<LinkRecord | undefined> {
    const object = await withRetries(() => this.#bucket.head(linkRecordKey(place, digest)));
    if (!object) return undefined;
    return object.customMetadata?.withdrawn ? "withdrawn" : "proved";
  }

  async isProved(place: string, digest: Digest): Promise<boolean> {
    return (await this.recorded(place, digest)) === "proved";
  }

  async prove(place: string, digest: Digest, by: Proof): Promise<void> {
    await this.#record(place, digest, { by });
  }

  /** Withdraws a link whose content the upstream no longer has. The record stays, since the origin has delivered the bytes before. */
  async withdraw(place: string, digest: Digest): Promise<void> {
    await this.#record(place, digest, { withdrawn: "true" });
    await this.#kv.delete(linkKey(place, digest));
  }

  async #record(place: string, digest: Digest, customMetadata: Record<string, string>) {
    const key = linkRecordKey(place, digest);
    await withRetries(() => this.#bucket.put(key, "", { customMetadata }));
  }

  /** Whether any repository of the origin has delivered the bytes. */
  async hasDelivered(origin: string, digest: Digest): Promise<boolean> {
    const prefix = linkRecordPrefix(digest, origin);
    const { objects } = await withRetries(() => this.#bucket.list({ prefix, limit: 1 }));
    return objects.length > 0;
  }

  /** Deletes all links of a content, before the content itself: what a crash in between leaves is proved again. */
  async forget(digest: Digest): Promise<void> {
    // Page by page: a malicious registry can link any number of its repositories to one digest.
    let keys: string[] = [];
    const drop = async () => {
      if (keys.length > 0) await this.#bucket.delete(keys);
      keys = [];
    };
    for await (const { key } of listObjects(this.#bucket, linkRecordPrefix(digest))) {
      keys.push(key);
      if (keys.length === PAGE) await drop();
    }
    await drop();
  }
}
