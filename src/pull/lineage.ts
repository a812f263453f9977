// Lineage: decides whether a digest is reachable from an allowed tag, through indexes and manifests to layers. Used only under
// rules whose allow and deny lists distinguish tags.

import { LRUCache } from "lru-cache";
import type { Rule } from "../config/rule.ts";
import type { Digest } from "../oci/digest.ts";
import { twinOf } from "../oci/hash.ts";
import { type References, referencesIn } from "../oci/references.ts";
import { atMost } from "../platform/bounded.ts";
import { isDigestDenied, isTagAllowed } from "../policy/allowed.ts";
import { type Source, sourceKey } from "../policy/source.ts";
import type { ManifestStore } from "../store/manifests.ts";
import type { KnownTag, TagStore } from "../store/tags.ts";

/** How long a positive answer is cached, in ms. Negative answers are not cached: the tag may be pulled a moment later. */
const ALLOWED_TTL = 60_000;
/** Maximum number of cached answers per rule. */
const MAX_CACHED_ANSWERS = 2_000;
/** Maximum number of digests in the cache of manifest references, which never change. A digest takes about 100 bytes. */
const MAX_CACHED_DIGESTS = 100_000;
/** Maximum number of manifests read to find one digest, and how many are read concurrently. */
const MAX_READ_MANIFESTS = 5_000;
const MAX_CONCURRENT_READS = 6;

interface Known extends References {
  /** The digest of the same bytes by the other algorithm. A deny of it also covers everything it references. */
  twin?: Digest;
}

export class Lineage {
  readonly #tags: TagStore;
  readonly #manifests: ManifestStore;
  readonly #references = new LRUCache<Digest, Known>({
    maxSize: MAX_CACHED_DIGESTS,
    sizeCalculation: ({ children, blobs }) => 1 + children.length + blobs.length,
  });
  /** Allowed digests, keyed by the rule object: names are not unique (two rules of one upstream without prefix or host share one),
   * and a changed rule starts empty. */
  readonly #allowed = new WeakMap<Rule, LRUCache<string, number>>();

  constructor(tags: TagStore, manifests: ManifestStore) {
    this.#tags = tags;
    this.#manifests = manifests;
  }

  /** Whether an allowed tag that was pulled through this cache leads, or has led, to the digest. */
  async isOfAllowedTag(source: Source, digest: Digest): Promise<boolean> {
    const { rule, repository } = source;
    const allowed = this.#allowed.get(rule) ?? new LRUCache(atMost(MAX_CACHED_ANSWERS));
    this.#allowed.set(rule, allowed);
    const key = `${repository}@${digest}`;
    const now = Date.now();
    if ((allowed.get(key) ?? 0) > now) return true;
    const known = await this.#tags.known(source);
    const found = await this.#leads(rootsOf(source, known), source, digest);
    if (found) allowed.set(key, now + ALLOWED_TTL);
    return found;
  }

  /** Searches breadth first: a digest is more often a tag's own than a child's. */
  async #leads(roots: Digest[], source: Source, wanted: Digest): Promise<boolean> {
    const seen = new Set<Digest>();
    const isOpen = (digest: Digest) => !seen.has(digest) && !isDigestDenied(source.rule, digest);
    for (let level = roots.filter(isOpen); level.length > 0; ) {
      if (level.includes(wanted)) return true;
      const children: Digest[] = [];
      for (let at = 0; at < level.length; at += MAX_CONCURRENT_READS) {
        const some = level.slice(at, at + MAX_CONCURRENT_READS);
        for (const digest of some) seen.add(digest);
        const found = (await Promise.all(some.map((digest) => this.#referencesOf(digest)))).filter(
          ({ twin }) => !twin || !isDigestDenied(source.rule, twin),
        );
        if (found.some(({ blobs }) => blobs.includes(wanted))) return true;
        for (const references of found)
          for (const child of references.children) children.push(child);
        if (seen.size > MAX_READ_MANIFESTS) {
          console.warn(
            `entrepot: ${sourceKey(source)} has too many tags to search all of them for a digest`,
          );
          return false;
        }
      }
      level = [...new Set(children)].filter(isOpen);
    }
    return false;
  }

  /** Returns no references for a manifest that is not stored. */
  async #referencesOf(digest: Digest): Promise<Known> {
    const before = this.#references.get(digest);
    if (before) return before;
    const manifest = await this.#manifests.get(digest);
    if (!manifest) return { children: [], blobs: [] };
    const known = { ...referencesIn(manifest.bytes), twin: twinOf(digest, manifest.bytes) };
    this.#references.set(digest, known);
    return known;
  }
}

/** The tags' digests, most recently recorded first. */
function rootsOf(source: Source, known: KnownTag[]): Digest[] {
  return known
    .filter(({ tag }) => isTagAllowed(source, tag))
    .toSorted((a, b) => b.recordedAt - a.recordedAt)
    .flatMap(({ digest, former }) => [digest, ...former]);
}
