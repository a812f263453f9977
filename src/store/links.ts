// Links: that a repository's upstream has shown that it has a digest. What is stored is shared by all repositories, and served under
// those alone that are linked to it. R2 has the records; KV has them near and late, with the age of the last confirmation.

import type { Digest } from "../oci/digest.ts";
import { withRetries } from "../platform/transient.ts";
import { countedBucket, countedKv } from "./counted.ts";
import { linkKey, linkRecordKey, linkRecordPrefix } from "./keys.ts";
import { listObjects, PAGE } from "./listing.ts";

export interface Link {
  /** In ms since the epoch. */
  confirmedAt: number;
  /** R2 has its record. Absent in entries of earlier versions, for which being named by a manifest was enough. */
  proved?: true;
}

/** How it was shown: by the bytes, which were hashed; by the upstream's word, at an origin that has delivered the bytes before; or by
 * what an earlier version stored of who delivered them. */
export type Proof = "bytes" | "word" | "inherited";

/** withdrawn: the upstream had it, and has it no more. */
export type LinkRecord = "proved" | "withdrawn";

/** One that nobody uses is forgotten by KV, in s. */
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
      return undefined; // R2 knows
    }
  }

  async put(place: string, digest: Digest, link: Link): Promise<void> {
    await this.#kv.put(linkKey(place, digest), JSON.stringify(link), { expirationTtl: LINK_TTL });
  }

  /** As R2 has it: never late. */
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

  /** The upstream has it no more. The record stays: its origin has delivered the bytes all the same. */
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

  /** The content is deleted. Its records go first: what is left after a crash in between is proved again. */
  async forget(digest: Digest): Promise<void> {
    // Page by page: a hostile registry can have any number of its repositories linked to one digest.
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
