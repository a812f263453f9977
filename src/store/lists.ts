// Lists of tags and referrers in KV, page by page as the upstream returned them, with the time of the check.

import { type Source, sourceKey } from "../policy/source.ts";
import { countedKv } from "./counted.ts";
import { listKey } from "./keys.ts";

/** Source of referrers: the upstream's API; the referrers tag, where there is no API; or neither. */
export type ReferrersFrom = "api" | "tag" | "none";

export interface ListPage {
  /** The tags, or the referrers' descriptors. */
  entries: unknown[];
  /** The query of the next page. */
  next?: string;
  /** Source of referrers; absent for tags, and in data of older versions. */
  from?: ReferrersFrom;
  /** When the upstream returned it, in ms since the epoch. */
  checkedAt: number;
}

/** A page: `tags` or `referrers/<digest>`, and the part of the client's query that is passed to the upstream. */
export interface ListAsked {
  list: string;
  query: string;
}

/** Minimum time to live that KV accepts, in s. */
const MIN_TTL = 60;

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
      return undefined; // the list's Durable Object has it, or asks the upstream
    }
  }

  /** Stores a page for as long as it may be served. */
  async put(source: Source, asked: ListAsked, page: ListPage): Promise<void> {
    const { listTtl, staleIfError } = source.rule;
    const expirationTtl = Math.max(MIN_TTL, Math.ceil((listTtl + staleIfError) / 1000));
    await this.#kv.put(keyOf(source, asked), JSON.stringify(page), { expirationTtl });
  }

  async forget(source: Source, asked: ListAsked): Promise<void> {
    await this.#kv.delete(keyOf(source, asked));
  }
}

function keyOf(source: Source, { list, query }: ListAsked): string {
  return listKey(sourceKey(source), list, query);
}
