// Blobs in R2. A blob exists if and only if its head object does; the head is written last, after the whole blob is verified.

import { algorithmOf, type Digest, hexOf, isDigest } from "../oci/digest.ts";
import { twinOf } from "../oci/hash.ts";
import { withRetries } from "../platform/transient.ts";
import { BlobRecords } from "./blob-records.ts";
import { countedBucket } from "./counted.ts";
import { attemptPrefix, blobKey, segmentKey, segmentNumber } from "./keys.ts";
import { listObjects, PAGE } from "./listing.ts";
import { type Layout, SEGMENT, segmentLength } from "./segments.ts";

/** A range of one segment, in bytes from its start. */
export interface Slice {
  offset: number;
  length: number;
}

/** A blob's head in R2. */
export interface Head {
  layout: Layout;
  /** In ms since the epoch. */
  publishedAt: number;
}

export class BlobStore {
  readonly records: BlobRecords;
  readonly #bucket: R2Bucket;

  constructor(bucket: R2Bucket, kv: KVNamespace) {
    this.records = new BlobRecords(kv);
    this.#bucket = countedBucket(bucket);
  }

  async layout(digest: Digest): Promise<Layout | undefined> {
    return (await this.head(digest))?.layout;
  }

  async head(digest: Digest): Promise<Head | undefined> {
    const head = await withRetries(() => this.#bucket.head(blobKey(digest)));
    return head ? headOf(digest, head) : undefined;
  }

  /** Reads the head and the first segment at once; leaves out the segment if its length is wrong. */
  async open(digest: Digest): Promise<(Head & { first?: ReadableStream }) | undefined> {
    const object = await withRetries(() => this.#bucket.get(blobKey(digest)));
    if (!object) return undefined;
    const head = headOf(digest, object);
    if (object.size === segmentLength(head.layout.size, 0)) return { ...head, first: object.body };
    await object.body.cancel();
    return head;
  }

  /** A segment of a published blob; undefined if it is missing or its length is wrong. */
  async segment(layout: Layout, number: number, slice: Slice): Promise<ReadableStream | undefined> {
    return (await this.#segment(layout, number, slice))?.body;
  }

  /** A whole segment of that generation in memory; undefined if it is missing, or its length or generation is wrong. */
  async wholeSegment(layout: Layout, number: number): Promise<Uint8Array | undefined> {
    const object = await this.#segment(layout, number);
    if (!object) return undefined;
    if (number > 0 || object.version === layout.generation) return object.bytes();
    await object.body.cancel();
    return undefined;
  }

  async #segment(layout: Layout, number: number, slice?: Slice): Promise<R2ObjectBody | undefined> {
    const key =
      number === 0 ? blobKey(layout.digest) : segmentKey(layout.digest, layout.attempt, number);
    const object = await this.#read(key, slice);
    if (!object) return undefined;
    if (object.size === segmentLength(layout.size, number)) return object;
    await object.body.cancel();
    return undefined;
  }

  /** A segment of a running attempt; undefined if it is not stored, or no longer. */
  async attemptSegment(
    digest: Digest,
    attempt: string,
    number: number,
    slice?: Slice,
  ): Promise<ReadableStream | undefined> {
    return (await this.#read(segmentKey(digest, attempt, number), slice))?.body;
  }

  /** Requests no range of an empty slice, since R2 answers any range of an empty object with error 10039. */
  #read(key: string, slice: Slice | undefined): Promise<R2ObjectBody | null> {
    const isPartial = slice && slice.length > 0 && slice.length < SEGMENT;
    return withRetries(() => this.#bucket.get(key, isPartial ? { range: slice } : {}));
  }

  /** Stores a segment; false if it exists already, written by an earlier incarnation of the object, and must be read back. */
  async putSegment(
    digest: Digest,
    attempt: string,
    number: number,
    bytes: Uint8Array,
  ): Promise<boolean> {
    const key = segmentKey(digest, attempt, number);
    const options = { onlyIf: { etagDoesNotMatch: "*" } };
    return (await withRetries(() => this.#bucket.put(key, bytes, options))) !== null;
  }

  /** The stored segments of an attempt: size in bytes by segment number. */
  async storedSegments(digest: Digest, attempt: string): Promise<Map<number, number>> {
    const stored = new Map<number, number>();
    for await (const object of listObjects(this.#bucket, attemptPrefix(digest, attempt)))
      stored.set(segmentNumber(object.key), object.size);
    return stored;
  }

  /** Publishes a blob of one segment. R2 verifies the digest as part of the write. */
  async publishWhole(digest: Digest, bytes: Uint8Array): Promise<Layout> {
    const checksum = { [algorithmOf(digest)]: hexOf(digest) };
    const attempt = "whole";
    const size = bytes.byteLength;
    const twin = twinOf(digest, bytes);
    const options = { ...checksum, ...metadata(size, attempt, twin) };
    const head = await withRetries(() => this.#bucket.put(blobKey(digest), bytes, options));
    return { digest, size, attempt, twin, generation: head.version };
  }

  /** Publishes a blob of several segments, which the caller has verified together. The first is copied into the head; the caller deletes
   * the original. */
  async publish(digest: Digest, size: number, attempt: string, twin: Digest): Promise<Layout> {
    const head = await withRetries(async () => {
      const first = await this.#bucket.get(segmentKey(digest, attempt, 0));
      if (!first) throw new Error(`the first segment of ${digest} is gone`);
      return this.#bucket.put(blobKey(digest), first.body, metadata(size, attempt, twin));
    });
    return { digest, size, attempt, twin, generation: head.version };
  }

  /** Turns a published blob with missing segments back into its attempt, so that a fill can repair it. The first segment is copied before
   * the head is deleted, so that a crash in between does no harm. */
  async unpublish(layout: Layout): Promise<void> {
    const head = await this.open(layout.digest);
    if (!head) return;
    if (head.layout.generation !== layout.generation) {
      await head.first?.cancel();
      return; // it was published again meanwhile
    }
    if (head.first) {
      const first = new Uint8Array(await new Response(head.first).arrayBuffer());
      await this.putSegment(layout.digest, layout.attempt, 0, first);
    }
    // The head first: a concurrent comparison of KV's record then finds no head, and deletes the record too.
    await this.#bucket.delete(blobKey(layout.digest));
    await this.records.delete(layout.digest);
  }

  /** Records a blob in KV that was just published. */
  announce(layout: Layout): Promise<void> {
    return this.records.put(layout, Date.now(), true);
  }

  async deleteSegment(digest: Digest, attempt: string, number: number): Promise<void> {
    await this.#bucket.delete(segmentKey(digest, attempt, number));
  }

  /** @returns the number of bytes deleted */
  async deleteAttempt(digest: Digest, attempt: string): Promise<number> {
    const keys: string[] = [];
    let bytes = 0;
    for await (const object of listObjects(this.#bucket, attemptPrefix(digest, attempt))) {
      keys.push(object.key);
      bytes += object.size;
    }
    for (let at = 0; at < keys.length; at += PAGE)
      await this.#bucket.delete(keys.slice(at, at + PAGE));
    return bytes;
  }

  /** Deletes a blob's head. Its other segments stay for readers that are using them.
   * @returns whether the blob existed */
  async remove(digest: Digest): Promise<boolean> {
    const had = (await this.head(digest)) !== undefined;
    // The head first: a concurrent comparison of KV's record then finds no head, and deletes the record too.
    if (had) await withRetries(() => this.#bucket.delete(blobKey(digest)));
    await this.records.delete(digest);
    return had;
  }
}

function metadata(size: number, attempt: string, twin: Digest): R2PutOptions {
  return { customMetadata: { size: String(size), attempt, twin } };
}

function headOf(digest: Digest, head: R2Object): Head {
  const { size, attempt, twin } = head.customMetadata ?? {};
  if (size === undefined || attempt === undefined)
    throw new Error(`the head of ${digest} has no layout`);
  const layout: Layout = { digest, size: Number(size), attempt, generation: head.version };
  if (twin !== undefined && isDigest(twin)) layout.twin = twin;
  return { layout, publishedAt: head.uploaded.getTime() };
}
