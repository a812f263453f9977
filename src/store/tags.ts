// Tags: mappings in KV, which may lag and have the time of their check; and records in R2, always current, of each tag's current and former
// digests, with the history of what it was seen to mean, written on a change.

import { type Digest, isDigest } from "../oci/digest.ts";
import { withRetries } from "../platform/transient.ts";
import type { TagMapping } from "../policy/fresh.ts";
import { ended, type History, NOTHING_SEEN, type Sighting } from "../policy/sightings.ts";
import { type Source, sourceKey } from "../policy/source.ts";
import { countedBucket, countedKv } from "./counted.ts";
import { tagKey, tagRecordKey, tagRecordPrefix } from "./keys.ts";
import { listObjects } from "./listing.ts";
import { historyIn, historyText, type StoredHistory } from "./tag-history.ts";

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

/** A tag's record with the history of what the tag was seen to mean. */
export type TagRecord = KnownTag & StoredHistory;

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

  /** Records the digest that the tag means since `at`, the last entry of its history. */
  async record(source: Source, tag: string, history: History, at: number): Promise<void> {
    const { digest } = history.seen.at(-1) as Sighting;
    const before = await this.recorded(source, tag);
    const former = before ? [before.digest, ...before.former] : [];
    const others = [...new Set(former)].filter((other) => other !== digest);
    // A held tag may serve any digest of its history, however often it has moved since.
    const seen = history.seen.map((one) => one.digest);
    const isSeen = (other: Digest) => seen.includes(other);
    const recent = others.filter((other) => !isSeen(other));
    recent.length = Math.min(recent.length, MAX_FORMER - others.filter(isSeen).length);
    const kept = others.filter((other) => isSeen(other) || recent.includes(other));
    const known = { tag, digest, former: kept, recordedAt: at, gone: false };
    await this.#write(sourceKey(source), { ...known, history, confirmedAt: at });
  }

  /** Replaces the history of a tag that means the same digest as before. */
  async amend(source: Source, tag: string, history: History, confirmedAt: number): Promise<void> {
    const before = await this.recorded(source, tag);
    if (before) await this.#write(sourceKey(source), { ...before, history, confirmedAt });
  }

  /** Records that the upstream deleted the tag. Its digests stay known, since its manifests can be pulled by digest, and so does its
   * history: a tag that is pushed anew is not one that was never seen.
   * @param confirmedAt the last check that found it */
  async recordGone(source: Source, tag: string, confirmedAt: number, now: number): Promise<void> {
    const before = await this.whole(source, tag);
    if (!before) return;
    const until = Math.max(confirmedAt, before.confirmedAt);
    const history = ended(before.history, until);
    const gone = { ...before, history, confirmedAt: until, recordedAt: now, gone: true };
    await this.#write(sourceKey(source), gone);
  }

  /** The record with its history. */
  async whole(source: Source, tag: string): Promise<TagRecord | undefined> {
    const object = await this.#head(sourceKey(source), tag);
    const record = object ? readRecord(tag, object) : undefined;
    return record && { ...record, ...storedHistory(record, object?.customMetadata?.history) };
  }

  recorded(source: Source, tag: string): Promise<KnownTag | undefined> {
    return this.recordedIn(sourceKey(source), tag);
  }

  /** Restores a mapping if the tag has no record. */
  async restore(place: string, tag: string, mapping: TagMapping): Promise<void> {
    if (await this.recordedIn(place, tag)) return;
    const { digest, checkedAt, seen, moves = [] } = mapping;
    const known = { tag, digest, former: [], recordedAt: checkedAt, gone: false };
    const history = seen && { seen, moves };
    await this.#write(place, { ...known, ...(history && { history }), confirmedAt: checkedAt });
    await this.#kv.put(tagKey(place, tag), JSON.stringify({ ...mapping, recorded: true }));
  }

  async recordedIn(place: string, tag: string): Promise<KnownTag | undefined> {
    const object = await this.#head(place, tag);
    return object ? readRecord(tag, object) : undefined;
  }

  #head(place: string, tag: string): Promise<R2Object | null> {
    const key = tagRecordKey(place, tag);
    return withRetries(() => this.#bucket.head(key));
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

  async #write(place: string, record: Written): Promise<void> {
    const { tag, digest, former, recordedAt, gone, history, confirmedAt } = record;
    const key = tagRecordKey(place, tag);
    const customMetadata = {
      digest,
      former: former.join(","),
      recordedAt: String(recordedAt),
      gone: String(gone),
      ...(history && { history: historyText({ history, confirmedAt }) }),
    };
    await withRetries(() => this.#bucket.put(key, "", { customMetadata }));
  }
}

/** Without a history, a record is as earlier versions wrote it. */
type Written = KnownTag & Partial<Pick<TagRecord, "history">> & Pick<TagRecord, "confirmedAt">;

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

/** Earlier versions wrote no history: the digest is then known since it was recorded. */
function storedHistory({ digest, recordedAt, gone }: KnownTag, text = ""): StoredHistory {
  const stored = historyIn(text);
  if (stored?.history.seen.at(-1)?.digest === digest) return stored;
  // Restored by a sweep: its time is unknown.
  if (!(recordedAt > 0)) return { history: NOTHING_SEEN, confirmedAt: 0 };
  const seen = [{ digest, since: recordedAt, ...(gone && { until: recordedAt }) }];
  return { history: { seen, moves: [] }, confirmedAt: recordedAt };
}
