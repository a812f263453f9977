// Manifests by digest: near in KV, with a copy in R2 that shows itself at once everywhere.

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
  /** The media type is that of the bytes. Absent in entries of earlier versions, which took it from the first upstream's header. */
  judged?: true;
}

/** The same in R2's metadata, whose values are texts. */
const JUDGED = { judged: "true" };

/** As R2 has it. */
export interface StoredManifest extends Manifest {
  /** Where it was pulled first: origin and repository (policy/source); undefined where that was not kept. */
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

  /** KV remembers a miss for a minute, so its miss is not the last word: R2's is. */
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
      return undefined; // R2 has it too
    }
  }

  /** Asks the copy that is never late. */
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

  /** Where an earlier version took it from: origin and repository. Undefined for what this version has stored, which keeps links. */
  async firstPlace(digest: Digest): Promise<string | undefined> {
    const object = await withRetries(() => this.#bucket.head(manifestKey(digest)));
    const { place, judged } = object?.customMetadata ?? {};
    return judged ? undefined : place;
  }

  async has(digest: Digest): Promise<boolean> {
    return (await withRetries(() => this.#bucket.head(manifestKey(digest)))) !== null;
  }

  /** R2 verifies the digest with the write, and is first: what KV shows is in R2.
   * @param place where it is pulled: so that a catalog that was lost can be made anew */
  async put({ digest, mediaType, bytes }: Manifest, place: string): Promise<void> {
    const checksum = { [algorithmOf(digest)]: hexOf(digest) };
    const httpMetadata = { contentType: mediaType };
    const options = { ...checksum, httpMetadata, customMetadata: { place, ...JUDGED } };
    await withRetries(() => this.#bucket.put(manifestKey(digest), bytes, options));
    const metadata: KvMetadata = { mediaType, judged: true };
    try {
      await this.#kv.put(manifestKvKey(digest), bytes, { metadata });
    } catch (error) {
      // Only the near copy is lost: reads find R2's.
      console.error(`entrepot: KV refused manifest ${digest}: ${(error as Error).message}`);
    }
  }

  /** KV first: what it shows is in R2. @returns whether R2 had it */
  async remove(digest: Digest): Promise<boolean> {
    await this.#kv.delete(manifestKvKey(digest));
    const had = await this.has(digest);
    if (had) await withRetries(() => this.#bucket.delete(manifestKey(digest)));
    return had;
  }
}

/** What an earlier version stored, with the media type of its bytes; undefined for what is no manifest, which is then as good as not
 * there: the upstream is asked again, and refused. */
function rejudged(digest: Digest, bytes: Uint8Array): Manifest | undefined {
  const judged = judgeManifest(bytes);
  return "mediaType" in judged ? { digest, mediaType: judged.mediaType, bytes } : undefined;
}
