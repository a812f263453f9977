// What tags were last known to mean, in KV: claims with an age. KV shows a write late, up to a minute in some
// places, so whoever finds no fresh claim here asks the tag's object, which remembers.

import type { TagMapping } from "../policy/fresh.ts";
import { originOf, type Source } from "../policy/source.ts";
import { tagKey } from "./keys.ts";

export class TagStore {
  readonly #kv: KVNamespace;

  constructor(kv: KVNamespace) {
    this.#kv = kv;
  }

  async get(source: Source, tag: string): Promise<TagMapping | undefined> {
    try {
      return (await this.#kv.get<TagMapping>(keyOf(source, tag), "json")) ?? undefined;
    } catch (error) {
      console.error(`entrepot: KV failed to read a tag: ${(error as Error).message}`);
      return undefined; // the tag's object knows, or asks
    }
  }

  async put(source: Source, tag: string, mapping: TagMapping): Promise<void> {
    await this.#kv.put(keyOf(source, tag), JSON.stringify(mapping));
  }
}

function keyOf(source: Source, tag: string): string {
  return tagKey(originOf(source.rule), source.repository, tag);
}
