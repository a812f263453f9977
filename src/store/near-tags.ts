// Tags as a client's request reads them: what was just read of KV, or learnt of the tag's object, is kept in memory for
// seconds. Never at the edge: it is a claim with an age, and the younger one counts.

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
    return this.#near.get(mappingKey(source, tag), undefined, visit, async () => {
      const value = await this.#store.get(source, tag);
      return value && { value, layer: "kv" };
    });
  }

  /** What the tag's object says: KV may not show it yet. */
  keep(source: Source, tag: string, mapping: TagMapping, visit: ReadVisit): void {
    const known = this.#near.recent<TagMapping>(mappingKey(source, tag), visit);
    if (known && known.checkedAt > mapping.checkedAt) return; // another request has learnt more since
    this.#near.keep(mappingKey(source, tag), mapping, undefined, visit);
  }

  /** The upstream has it no more. */
  forget(source: Source, tag: string, visit: ReadVisit): void {
    this.#near.forget(mappingKey(source, tag), false, visit);
  }

  /** All of a repository that were pulled through here. */
  known(source: Source): Promise<KnownTag[]> {
    return this.#store.known(source);
  }
}
