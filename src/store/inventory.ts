// Inventory of R2: lists what is stored, page by page in key order, for comparison with the catalog.

import type { Digest } from "../oci/digest.ts";
import { countedBucket } from "./counted.ts";
import {
  BLOBS,
  blobDigestOf,
  MANIFESTS,
  manifestDigestOf,
  segmentOf,
  TAGS,
  tagNameOf,
} from "./keys.ts";
import { listPage } from "./listing.ts";

export interface InventoryPage<T> {
  items: T[];
  /** Cursor of the next page; undefined at the end. */
  next: string | undefined;
  /** The page's range by digest, or by `place:tag`: after `from`, up to and including `upTo`. */
  from: string;
  upTo: string | undefined;
}

export interface StoredBlob {
  digest: Digest;
  size: number;
  attempt: string;
  generation: string;
  /** In ms since the epoch. */
  publishedAt: number;
}

export interface StoredSegments {
  digest: Digest;
  attempt: string;
  bytes: number;
}

export interface StoredTag {
  place: string;
  tag: string;
  digest: Digest;
  recordedAt: number;
  gone: boolean;
}

export class InventoryStore {
  readonly #bucket: R2Bucket;

  constructor(bucket: R2Bucket) {
    this.#bucket = countedBucket(bucket);
  }

  /** @param after a page's `next`, or "" */
  async manifests(after: string): Promise<InventoryPage<Digest>> {
    const { objects, next } = await this.#page(MANIFESTS, after);
    const items = objects.flatMap(({ key }) => manifestDigestOf(key) ?? []);
    return { items, next, ...rangeOf(after, next, manifestDigestOf) };
  }

  async tags(after: string): Promise<InventoryPage<StoredTag>> {
    const { objects, next } = await this.#page(TAGS, after);
    const items = objects.flatMap(({ key, customMetadata = {} }) => {
      const named = tagNameOf(key);
      const { digest, recordedAt, gone } = customMetadata;
      if (!named || digest === undefined) return [];
      const at = { recordedAt: Number(recordedAt), gone: gone === "true" };
      return [{ ...named, digest: digest as Digest, ...at }];
    });
    const name = (key: string) => {
      const named = tagNameOf(key);
      return named && `${named.place}:${named.tag}`;
    };
    return { items, next, ...rangeOf(after, next, name) };
  }

  /** Heads of blobs, and the attempts that segments belong to. */
  async blobs(after: string): Promise<InventoryPage<StoredBlob> & { segments: StoredSegments[] }> {
    const { objects, next } = await this.#page(BLOBS, after);
    const items: StoredBlob[] = [];
    const attempts = new Map<string, StoredSegments>();
    for (const object of objects) {
      const digest = blobDigestOf(object.key);
      const { size, attempt } = object.customMetadata ?? {};
      if (digest && size !== undefined && attempt !== undefined) {
        const publishedAt = object.uploaded.getTime();
        const blob = {
          digest,
          size: Number(size),
          attempt,
          generation: object.version,
          publishedAt,
        };
        items.push(blob);
      }
      const segment = segmentOf(object.key);
      if (!segment) continue;
      const key = `${segment.digest} ${segment.attempt}`;
      const bytes = (attempts.get(key)?.bytes ?? 0) + object.size;
      attempts.set(key, { ...segment, bytes });
    }
    // A page may end between a blob's segments; the blob's head is then in it, or in an earlier page.
    const digest = (key: string) => blobDigestOf(key) ?? segmentOf(key)?.digest;
    return { items, segments: [...attempts.values()], next, ...rangeOf(after, next, digest) };
  }

  async #page(
    prefix: string,
    after: string,
  ): Promise<{ objects: R2Object[]; next: string | undefined }> {
    const from = after === "" ? {} : { startAfter: after };
    const { objects, truncated } = await listPage(this.#bucket, prefix, from);
    // A page may have fewer objects than its limit, since metadata count toward its size.
    return { objects, next: truncated ? objects.at(-1)?.key : undefined };
  }
}

function rangeOf(
  after: string,
  next: string | undefined,
  name: (key: string) => string | undefined,
): { from: string; upTo: string | undefined } {
  return { from: name(after) ?? "", upTo: next === undefined ? undefined : name(next) };
}
