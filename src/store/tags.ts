// Tags: mappings in KV, which may lag and have the time of their check; and records in R2, always current, of each tag's current and former
// digests, written on a change.

import { type Digest, isDigest } from "../oci/digest.ts";
import { withRetries } from "../platform/transient.ts";
import type { TagMapping } from "../policy/fresh.ts";
import { type Source, sourceKey } from "../policy/source.ts";
import { countedBucket, countedKv } from "./counted.ts";
import { tagKey, tagRecordKey, tagRecordPrefix } from "./keys.ts";
import { listObjects } from "./listing.ts";

/** A tag that was pulled through this cache. */
export interface KnownTag {
  tag: string;
  digest: Digest;
  /** Its former digests, latest first. */
  former: Digest[];
  /** When this was written, in ms since the epoch. */
  recordedAt: number;
  /** The upstream no longer has it. */
  gone: boolean;
}

/** Maximum number of former digests of a tag, which share R2's 8 KiB of metadata. */
const MAX_FORMER = 20;

export class TagStore {
  readonly #kv: KVNamespace;
  readonly #bucket: R2Bucket;

  constructor(kv: KVNamespace, bucket: R2Bucket) {
    this.#kv = countedKv(kv);
    this.#bucket = countedBucket(bucket);
  }

  async get(source: Source, tag: string): Promise<TagMapping | undefined> {
    try {
      return (await this.#kv.get<TagMapping>(mappingKey(source, tag), "json")) ?? undefined;
    } catch (error) {
      console.error(`entrepot: KV failed to read a tag: ${(error as Error).message}`);
      return undefined; // the tag's Durable Object has it, or asks the upstream
    }
  }

  async put(source: Source, tag: string, mapping: TagMapping): Promise<void> {
    await this.#kv.put(mappingKey(source, tag), JSON.stringify(mapping));
  }

  async forget(source: Source, tag: string): Promise<void> {
    await this.#kv.delete(mappingKey(source, tag));
  }

  /** Deletes a tag's mapping and record if it still has that digest; the mapping first, since what it shows must be in the record.
   * @param place origin and repository, since the rule may no longer exist
   * @returns false if the tag has another digest by now */
  async remove(place: string, tag: string, digest: Digest): Promise<boolean> {
    const record = await this.recordedIn(place, tag);
    if (record && record.digest !== digest) return false;
    await this.#kv.delete(tagKey(place, tag));
    if (record) await withRetries(() => this.#bucket.delete(tagRecordKey(place, tag)));
    return true;
  }

  async record(source: Source, tag: string, digest: Digest, now: number): Promise<void> {
    const before = await this.recorded(source, tag);
    const former = before ? [before.digest, ...before.former] : [];
    await this.#write(sourceKey(source), {
      tag,
      digest,
      former: [...new Set(former)].filter((other) => other !== digest).slice(0, MAX_FORMER),
      recordedAt: now,
      gone: false,
    });
  }

  /** Records that the upstream deleted the tag. Its digests stay known, since its manifests can be pulled by digest. */
  async recordGone(source: Source, tag: string, now: number): Promise<void> {
    const before = await this.recorded(source, tag);
    if (before) await this.#write(sourceKey(source), { ...before, recordedAt: now, gone: true });
  }

  recorded(source: Source, tag: string): Promise<KnownTag | undefined> {
    return this.recordedIn(sourceKey(source), tag);
  }

  /** Restores a mapping if the tag has no record. */
  async restore(place: string, tag: string, mapping: TagMapping): Promise<void> {
    if (await this.recordedIn(place, tag)) return;
    const { digest, checkedAt } = mapping;
    await this.#write(place, { tag, digest, former: [], recordedAt: checkedAt, gone: false });
    await this.#kv.put(tagKey(place, tag), JSON.stringify({ ...mapping, recorded: true }));
  }

  async recordedIn(place: string, tag: string): Promise<KnownTag | undefined> {
    const key = tagRecordKey(place, tag);
    const object = await withRetries(() => this.#bucket.head(key));
    return object ? readRecord(tag, object) : undefined;
  }

  /** All tags of a repository, in the order of their names. */
  async known(source: Source): Promise<KnownTag[]> {
    const prefix = tagRecordPrefix(sourceKey(source));
    const known: KnownTag[] = [];
    for await (const object of listObjects(this.#bucket, prefix)) {
      const record = readRecord(object.key.slice(prefix.length), object);
      if (record) known.push(record);
    }
    return known;
  }

  async #write(place: string, { tag, digest, former, recordedAt, gone }: KnownTag): Promise<void> {
    const key = tagRecordKey(place, tag);
    const customMetadata = {
      digest,
      former: former.join(","),
      recordedAt: String(recordedAt),
      gone: String(gone),
    };
    await withRetries(() => this.#bucket.put(key, "", { customMetadata }));
  }
}

function readRecord(tag: string, { customMetadata = {} }: R2Object): KnownTag | undefined {
  const { digest = "", former = "", recordedAt, gone } = customMetadata;
  if (!isDigest(digest)) return undefined;
  return {
    tag,
    digest,
    former: former.split(",").filter(isDigest),
    recordedAt: Number(recordedAt),
    gone: gone === "true",
  };
}

export function mappingKey(source: Source, tag: string): string {
  return tagKey(sourceKey(source), tag);
}
