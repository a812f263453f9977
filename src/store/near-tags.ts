// Near tags: reads tags for client requests, and keeps mappings from KV or the tag's Durable Object in memory for seconds. Never in the
// edge cache: the most recently checked mapping counts, and a copy there could be older.

import type { TagMapping } from "../policy/fresh.ts";
import type { Source } from "../policy/source.ts";
import type { Found, Near } from "./near.ts";
import { type KnownTag, mappingKey, type TagStore } from "./tags.ts";
import type { ReadVisit } from "./visit.ts";

export class NearTags {
  readonly #near: Near;
  readonly #store: TagStore;

  constructor(near: Near, store: TagStore) {
    this.#near = near;
    this.#store = store;
  }

  get(source: Source, tag: string, visit: ReadVisit): Promise<Found<TagMapping> | undefined> {
    return this.#near.get({ key: mappingKey(source, tag) }, visit, async () => {
      const value = await this.#store.get(source, tag);
      return value && { value, layer: "kv" };
    });
  }

  /** Keeps a mapping from the tag's Durable Object, which KV may not show yet. */
  keep(source: Source, tag: string, mapping: TagMapping, visit: ReadVisit): void {
    const key = mappingKey(source, tag);
    const known = this.#near.recent<TagMapping>(key, visit);
    if (known && known.checkedAt > mapping.checkedAt) return; // another request has a later check
    this.#near.keep({ key }, mapping, visit);
  }

  /** Forgets a tag that the upstream no longer has. */
  forget(source: Source, tag: string, visit: ReadVisit): void {
    this.#near.forget({ key: mappingKey(source, tag) }, visit);
  }

  /** All tags of a repository that were pulled through this cache. */
  known(source: Source): Promise<KnownTag[]> {
    return this.#store.known(source);
  }
}
