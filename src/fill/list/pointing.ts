// Referrer check: which entries of a fallback index are referrers, by the subject of their manifests. Any index may be
// stored under that tag, and an image index lists platforms.

import type { Digest } from "../../oci/digest.ts";
import { parseObject } from "../../oci/json.ts";
import { kindOf } from "../../oci/kind.ts";
import { digestIn } from "../../oci/references.ts";
import type { Source } from "../../policy/source.ts";
import type { UpstreamClient } from "../../upstream/client/client.ts";
import { isUnknown } from "../../upstream/client/refusal.ts";
import { readManifest } from "../manifest/read-manifest.ts";

/** Maximum manifests read for one list: each is an upstream request, and may count as a pull. Entries beyond it are
 * judged by their descriptors. */
const MAX_READ = 32;
/** Maximum concurrent reads. */
const MAX_CONCURRENT_READS = 4;
/** Maximum digests whose subject is kept in memory. */
const MAX_SUBJECTS = 1_000;

interface Descriptor {
  digest: Digest;
  mediaType?: unknown;
  artifactType?: unknown;
  platform?: unknown;
}

export class Pointing {
  readonly #upstream: UpstreamClient;
  /** Digest of a manifest → its subject, which never changes. */
  readonly #subjects = new Map<Digest, Digest | undefined>();

  constructor(upstream: UpstreamClient) {
    this.#upstream = upstream;
  }

  /** The entries that are referrers, in order. Throws the upstream's error for an entry that its descriptor does not
   * decide either. */
  async only(source: Source, subject: Digest, entries: unknown[]): Promise<unknown[]> {
    const candidates = entries
      .filter(isDescriptor)
      .filter((one) => one.digest !== subject && kindOf(one.mediaType) !== "blob");
    const read = candidates.slice(0, MAX_READ);
    const points: boolean[] = [];
    for (let at = 0; at < read.length; at += MAX_CONCURRENT_READS) {
      const some = read.slice(at, at + MAX_CONCURRENT_READS);
      points.push(...(await Promise.all(some.map((one) => this.#points(source, subject, one)))));
    }
    return candidates.filter((one, at) => points[at] ?? looksLikeReferrer(one));
  }

  async #points(source: Source, subject: Digest, entry: Descriptor): Promise<boolean> {
    const { digest } = entry;
    try {
      if (!this.#subjects.has(digest)) {
        const answer = await this.#upstream.manifest(source, digest);
        const body = parseObject(await readManifest(source, answer));
        if (this.#subjects.size >= MAX_SUBJECTS) this.#subjects.clear();
        this.#subjects.set(digest, digestIn(body?.subject)[0]);
      }
      return this.#subjects.get(digest) === subject;
    } catch (error) {
      // Listed, as the upstream itself lists it to clients.
      if (looksLikeReferrer(entry)) return true;
      if (isUnknown(error)) return false;
      throw error;
    }
  }
}

function isDescriptor(entry: unknown): entry is Descriptor {
  return digestIn(entry).length > 0;
}

/** Judges by the descriptor alone: clients give referrers an artifactType, and images a platform. */
function looksLikeReferrer({ artifactType, platform }: Descriptor): boolean {
  return typeof artifactType === "string" && artifactType !== "" && platform === undefined;
}
