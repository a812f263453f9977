// Manifests by digest, in R2, which is strongly consistent, and as copies in KV for low latency.

import { algorithmOf, type Digest, hexOf } from "../oci/digest.ts";
import { judgeManifest } from "../oci/manifest.ts";
import { withRetries } from "../platform/transient.ts";
import { countedBucket, countedKv } from "./counted.ts";
import { manifestKey, manifestKvKey } from "./keys.ts";

export interface Manifest {
  digest: Digest;
  mediaType: string;
  bytes: Uint8Array;
}

interface KvMetadata {
  mediaType: string;
  /** The media type was derived from the bytes. Absent in entries of earlier versions, which took it from the first upstream's header. */
  judged?: true;
}

/** The same in R2's metadata, whose values are strings. */
const JUDGED = { judged: "true" };

/** A manifest in R2. */
export interface StoredManifest extends Manifest {
  /** Origin and repository (policy/source) of the first pull; undefined if not recorded. */
  place?: string;
  /** In ms since the epoch. */
  storedAt: number;
}

export class ManifestStore {
  readonly #kv: KVNamespace;
  readonly #bucket: R2Bucket;

  constructor(kv: KVNamespace, bucket: R2Bucket) {
    this.#kv = countedKv(kv);
    this.#bucket = countedBucket(bucket);
  }

  /** Reads KV, then R2, since KV remembers a miss for up to a minute. */
  async get(digest: Digest): Promise<Manifest | undefined> {
    return (await this.getNear(digest)) ?? this.getStored(digest);
  }

  async getNear(digest: Digest): Promise<Manifest | undefined> {
    try {
      const near = await this.#kv.getWithMetadata<KvMetadata>(manifestKvKey(digest), "arrayBuffer");
      if (near.value === null || !near.metadata) return undefined;
      const { mediaType, judged } = near.metadata;
      const bytes = new Uint8Array(near.value);
      return judged ? { digest, mediaType, bytes } : rejudged(digest, bytes);
    } catch (error) {
      console.error(`entrepot: KV failed to read a manifest: ${(error as Error).message}`);
      return undefined; // R2 is read instead
    }
  }

  /** Reads R2, which is always current. */
  async getStored(digest: Digest): Promise<StoredManifest | undefined> {
    const object = await withRetries(() => this.#bucket.get(manifestKey(digest)));
    if (!object) return undefined;
    const bytes = new Uint8Array(await object.arrayBuffer());
    const { place, judged } = object.customMetadata ?? {};
    const mediaType = object.httpMetadata?.contentType ?? "";
    const manifest = judged ? { digest, mediaType, bytes } : rejudged(digest, bytes);
    if (!manifest) return undefined;
    return {
      ...manifest,
      ...(place !== undefined && { place }),
      storedAt: object.uploaded.getTime(),
    };
  }

  /** Origin and repository that an earlier version fetched it from; undefined for manifests of this version, which stores links. */
  async firstPlace(digest: Digest): Promise<string | undefined> {
    const object = await withRetries(() => this.#bucket.head(manifestKey(digest)));
    const { place, judged } = object?.customMetadata ?? {};
    return judged ? undefined : place;
  }

  async has(digest: Digest): Promise<boolean> {
    return (await withRetries(() => this.#bucket.head(manifestKey(digest)))) !== null;
  }

  /** Writes R2, which verifies the digest as part of the write, then KV: what KV shows is in R2.
   * @param place origin and repository of the pull, from which a lost catalog can be rebuilt */
  async put({ digest, mediaType, bytes }: Manifest, place: string): Promise<void> {
    const checksum = { [algorithmOf(digest)]: hexOf(digest) };
    const httpMetadata = { contentType: mediaType };
    const options = { ...checksum, httpMetadata, customMetadata: { place, ...JUDGED } };
    await withRetries(() => this.#bucket.put(manifestKey(digest), bytes, options));
    const metadata: KvMetadata = { mediaType, judged: true };
    try {
      await this.#kv.put(manifestKvKey(digest), bytes, { metadata });
    } catch (error) {
      // Only the copy in KV is missing; reads find the one in R2.
      console.error(`entrepot: KV refused manifest ${digest}: ${(error as Error).message}`);
    }
  }

  /** Deletes from KV first, so that what KV shows is in R2. @returns whether R2 had it */
  async remove(digest: Digest): Promise<boolean> {
    await this.#kv.delete(manifestKvKey(digest));
    const had = await this.has(digest);
    if (had) await withRetries(() => this.#bucket.delete(manifestKey(digest)));
    return had;
  }
}

/** A manifest stored by an earlier version, with the media type of its bytes; undefined if it is not a valid manifest. It then counts as
 * missing, and the upstream's answer is refused. */
function rejudged(digest: Digest, bytes: Uint8Array): Manifest | undefined {
  const judged = judgeManifest(bytes);
  return "mediaType" in judged ? { digest, mediaType: judged.mediaType, bytes } : undefined;
}
