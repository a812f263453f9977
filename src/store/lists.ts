// Lists of tags and of referrers, page by page as the upstream gave them, in KV: claims with an age, as tags are.

import { type Source, sourceKey } from "../policy/source.ts";
import { countedKv } from "./counted.ts";
import { listKey } from "./keys.ts";

/** The upstream's API; the tag that clients keep them under where there is none; or that neither is there. */
export type ReferrersFrom = "api" | "tag" | "none";

export interface ListPage {
  /** The tags, or the referrers' descriptors. */
  entries: unknown[];
  /** The query of the next page. */
  next?: string;
  /** Of referrers: where they are from (`ReferrersFrom`). Absent from what an older version has stored. */
  from?: ReferrersFrom;
  /** When the upstream gave it, in ms since the epoch. */
  checkedAt: number;
}

/** Which page: `tags`, or `referrers/<digest>`, and the client's query as far as it is the upstream's. */
export interface ListAsked {
  list: string;
  query: string;
}

/** KV keeps nothing for less, in s. */
const LEAST_TTL = 60;

export class ListStore {
  readonly #kv: KVNamespace;

  constructor(kv: KVNamespace) {
    this.#kv = countedKv(kv);
  }

  async get(source: Source, asked: ListAsked): Promise<ListPage | undefined> {
    try {
      return (await this.#kv.get<ListPage>(keyOf(source, asked), "json")) ?? undefined;
    } catch (error) {
      console.error(`entrepot: KV failed to read a list: ${(error as Error).message}`);
      return undefined; // the list's object knows, or asks
    }
  }

  /** Kept for as long as it may be served. */
  async put(source: Source, asked: ListAsked, page: ListPage): Promise<void> {
    const { listTtl, staleIfError } = source.rule;
    const expirationTtl = Math.max(LEAST_TTL, Math.ceil((listTtl + staleIfError) / 1000));
    await this.#kv.put(keyOf(source, asked), JSON.stringify(page), { expirationTtl });
  }

  async forget(source: Source, asked: ListAsked): Promise<void> {
    await this.#kv.delete(keyOf(source, asked));
  }
}

function keyOf(source: Source, { list, query }: ListAsked): string {
  return listKey(sourceKey(source), list, query);
}
