// A page of tags as an upstream lists them. A registry that refuses a page of this size is asked for smaller ones, and its pages are put
// together; what does not fit is behind the next page, so that a part is never given as the whole.

import { RegistryError } from "../../oci/error.ts";
import { isTag } from "../../oci/name.ts";
import { within } from "../../platform/deadline.ts";
import type { Source } from "../../policy/source.ts";
import type { ListPage } from "../../store/lists.ts";
import type { UpstreamClient } from "../../upstream/client/client.ts";
import { late } from "../../upstream/client/request.ts";
import { asMalformed, LIST_LIMIT, readPage } from "./read-list.ts";

/** Page sizes that are tried, in entries, where a larger one is refused; the registry's own page comes last. */
const SMALLER = [1_000, 100, 10];
/** Pages, and entries, that are put together for one answer. */
const MOST_PAGES = 20;
const MOST_ENTRIES = 10_000;
/** Share of the rule's `firstByteTimeout` after which no further page is waited for: the answer has to be in time. */
const SHARE = 0.6;
/** A page of a round number of entries, and of no fewer than this, may have been cut. */
const LEAST_ROUND = 10;

/** What was asked for: parameters of the upstream's query. */
type Query = URLSearchParams;

interface Page {
  tags: string[];
  query: Query;
  /** Length of the body in bytes. */
  bytes: number;
  next?: string;
}

export class TagsReader {
  readonly #upstream: UpstreamClient;

  constructor(upstream: UpstreamClient) {
    this.#upstream = upstream;
  }

  /** Throws UNSUPPORTED (400) for a query that the upstream refuses in every size. */
  async read(source: Source, query: Query): Promise<Omit<ListPage, "checkedAt">> {
    const until = Date.now() + source.rule.firstByteTimeout * SHARE;
    const first = await this.#first(source, query);
    const collected = new Collected(first, sizeOf(query));
    // A page that the registry chose to be smaller, and said so by a Link, is passed on as it is.
    let isFollowed = sizeOf(first.query) !== sizeOf(query);
    while (!collected.isFull && Date.now() < until) {
      const { next } = collected;
      if (next === undefined || (!next.isGuess && !isFollowed)) break;
      const reading = this.#page(source, new URLSearchParams(next.query));
      const page = await within(reading, until - Date.now(), () => late(source.rule)).catch(
        (error: unknown) => error,
      );
      if (!isPage(page)) {
        if (next.isGuess && !isPassing(page)) collected.end();
        break; // the client meets it when it follows the Link
      }
      if (!collected.add(page)) break;
      isFollowed = true;
    }
    return collected.page();
  }

  /** In the size that is wanted, or the largest one that the upstream takes. */
  async #first(source: Source, query: Query): Promise<Page> {
    const wanted = sizeOf(query);
    const smaller = wanted === undefined ? [] : SMALLER.filter((size) => size < wanted);
    let refusal: Error | undefined;
    for (const size of wanted === undefined ? [undefined] : [wanted, ...smaller, undefined]) {
      const page = await this.#ask(source, size === wanted ? query : withSize(query, size));
      if (!(page instanceof Error)) return page;
      refusal = page;
    }
    throw refusal;
  }

  async #page(source: Source, query: Query): Promise<Page> {
    const page = await this.#ask(source, query);
    if (page instanceof Error) throw page;
    return page;
  }

  /** The page, or why the upstream refuses one like this. */
  async #ask(source: Source, query: Query): Promise<Page | Error> {
    const answer = await this.#upstream.tags(source, query);
    if (answer.status < 200 || answer.status > 299) {
      const refusal = asMalformed(await answer.refusal());
      answer.cancel();
      return refusal;
    }
    const { body, bytes, next } = await readPage(source, answer);
    const listed = Array.isArray(body.tags) ? body.tags : [];
    const tags = listed.filter((tag) => typeof tag === "string" && isTag(tag));
    return { tags, query, bytes, ...(next !== undefined && { next }) };
  }
}

function isPage(page: unknown): page is Page {
  return typeof page === "object" && page !== null && "tags" in page;
}

/** Whether the upstream may answer the same question later. One that answers 500 may not know `last`. */
function isPassing(error: unknown): boolean {
  if (!(error instanceof RegistryError)) return true;
  const { status, upstreamStatus = status } = error;
  return upstreamStatus === 429 || upstreamStatus > 501;
}

interface Next {
  query: string;
  /** The upstream gave no Link, and may have more all the same. */
  isGuess: boolean;
}

/** Pages of one list, put together. */
class Collected {
  readonly #tags: Set<string>;
  /** Of the client; undefined where it set none. */
  readonly #limit: number | undefined;
  readonly #wanted: number;
  /** Queries that led here: a Link back to one of them is not followed. */
  readonly #asked = new Set<string>();
  #next: Next | undefined;
  /** Whether the upstream says by a Link that there is more. */
  #isLinked = false;
  #pages = 1;
  #bytes: number;
  #largest: number;

  constructor(first: Page, limit: number | undefined) {
    this.#tags = new Set(first.tags);
    this.#limit = limit;
    this.#wanted = limit ?? MOST_ENTRIES;
    this.#bytes = first.bytes;
    this.#largest = first.tags.length;
    this.#asked.add(first.query.toString());
    this.#next = this.#nextOf(first);
  }

  get next(): Next | undefined {
    return this.#next;
  }

  /** Whether another page is not asked for: it would not fit, or the bounds are reached. Whether there is more is worth a question. */
  get isFull(): boolean {
    const { query, isGuess } = this.#next ?? { query: "", isGuess: false };
    if (this.#pages >= MOST_PAGES || this.#bytes >= LIST_LIMIT || this.#asked.has(query))
      return true;
    return !isGuess && this.#tags.size + this.#largest > this.#wanted;
  }

  /** @returns false where the page ends the list, or does not fit */
  add(page: Page): boolean {
    const isGuess = this.#next?.isGuess ?? false;
    const news = page.tags.filter((tag) => !this.#tags.has(tag));
    // The guess was wrong: this was the last page, or the upstream does not heed `last`.
    if (isGuess && (news.length === 0 || news.length < page.tags.length)) {
      this.end();
      return false;
    }
    if (this.#next && isGuess) this.#next = { ...this.#next, isGuess: false };
    if (this.#tags.size + news.length > this.#wanted) return false;
    for (const tag of news) this.#tags.add(tag);
    this.#pages += 1;
    this.#bytes += page.bytes;
    this.#largest = Math.max(this.#largest, page.tags.length);
    this.#asked.add(page.query.toString());
    this.#next = this.#nextOf(page);
    return true;
  }

  #nextOf(page: Page): Next | undefined {
    this.#isLinked ||= page.next !== undefined;
    if (page.next !== undefined) return { query: page.next, isGuess: false };
    const query = this.#isLinked ? undefined : guessBehind(page);
    return query === undefined ? undefined : { query, isGuess: true };
  }

  /** There is no next page. */
  end(): void {
    this.#next = undefined;
  }

  page(): Omit<ListPage, "checkedAt"> {
    const entries = [...this.#tags];
    const next = this.#next;
    if (!next) return { entries };
    const limit = this.#limit ?? entries.length;
    if (entries.length <= limit || !isSorted(entries)) return { entries, next: next.query };
    const some = entries.slice(0, limit);
    return { entries: some, next: queryBehind(some.at(-1) as string, limit) };
  }
}

/** Where the next page would be; undefined where the page is not likely to have been cut. */
function guessBehind({ tags, query }: Page): string | undefined {
  const last = tags.at(-1);
  const isOwn = [...query.keys()].every((key) => key === "n" || key === "last");
  const isHeeded = !tags.includes(query.get("last") ?? "");
  const size = sizeOf(query);
  if (last === undefined || !isOwn || !isHeeded || !mayBeCut(tags.length, size)) return undefined;
  return queryBehind(last, size);
}

/** Whether a page without a Link may not be the last one: it is as long as was asked for, or as long as limits are. Registries that cut a
 * page without a word are asked once more. */
function mayBeCut(count: number, size: number | undefined): boolean {
  if (size !== undefined && count >= size) return true;
  return count >= LEAST_ROUND && (count % 10 === 0 || (count & (count - 1)) === 0);
}

function queryBehind(last: string, size: number | undefined): string {
  return new URLSearchParams({ last, ...(size !== undefined && { n: String(size) }) }).toString();
}

function withSize(query: Query, size: number | undefined): Query {
  const other = new URLSearchParams(query);
  if (size === undefined) other.delete("n");
  else other.set("n", String(size));
  return other;
}

function sizeOf(query: Query): number | undefined {
  const n = query.get("n");
  return n !== null && /^\d{1,9}$/.test(n) ? Number(n) : undefined;
}

function isSorted(tags: readonly string[]): boolean {
  return tags.every((tag, at) => at === 0 || (tags[at - 1] as string) < tag);
}
