// Tag lists: a page of an upstream's tags. A registry that refuses the page size is asked for smaller pages, which are
// merged; entries that do not fit are left to the next page, so that a partial list never looks complete.

import { RegistryError } from "../../oci/error.ts";
import { isTag } from "../../oci/name.ts";
import { within } from "../../platform/deadline.ts";
import type { Source } from "../../policy/source.ts";
import type { ListPage } from "../../store/lists.ts";
import type { UpstreamClient } from "../../upstream/client/client.ts";
import { late } from "../../upstream/client/request.ts";
import { asMalformed, LIST_LIMIT, readPage } from "./read-list.ts";

/** Page sizes to try, in entries, where a larger one is refused; the registry's default size comes last. */
const SMALLER_SIZES = [1_000, 100, 10];
/** Maximum pages and entries merged into one answer. */
const MAX_PAGES = 20;
const MAX_ENTRIES = 10_000;
/** Share of the rule's `firstByteTimeout` after which no further page is requested, so that the answer is in time. */
const TIMEOUT_SHARE = 0.6;
/** Minimum length of a page without a Link that a round number of entries makes look cut. */
const MIN_ROUND = 10;

/** Parameters of the upstream request. */
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

  /** Throws UNSUPPORTED (400) for a query that the upstream refuses in every page size. */
  async read(source: Source, query: Query): Promise<Omit<ListPage, "checkedAt">> {
    const until = Date.now() + source.rule.firstByteTimeout * TIMEOUT_SHARE;
    const first = await this.#first(source, query);
    const collected = new Collected(first, sizeOf(query));
    // A smaller page that the registry chose itself and marked with a Link is passed on unchanged.
    let isFollowed = sizeOf(first.query) !== sizeOf(query);
    while (!collected.isFull && Date.now() < until) {
      const { next } = collected;
      if (next === undefined || (!next.isGuess && !isFollowed)) break;
      const reading = this.#ask(source, new URLSearchParams(next.query));
      const page = await within(reading, until - Date.now(), () => late(source.rule)).catch(
        (error: unknown) => error,
      );
      if (!isPage(page)) {
        if (next.isGuess && !isTemporary(page)) collected.end();
        break; // the client gets this error when it follows the Link
      }
      if (!collected.add(page)) break;
      isFollowed = true;
    }
    return collected.page();
  }

  /** The first page, in the requested size or the largest that the upstream accepts. */
  async #first(source: Source, query: Query): Promise<Page> {
    const wanted = sizeOf(query);
    const smaller = wanted === undefined ? [] : SMALLER_SIZES.filter((size) => size < wanted);
    let refusal: Error | undefined;
    for (const size of wanted === undefined ? [undefined] : [wanted, ...smaller, undefined]) {
      const page = await this.#ask(source, size === wanted ? query : withSize(query, size));
      if (!(page instanceof Error)) return page;
      refusal = page;
    }
    throw refusal;
  }

  /** The page, or the error of an upstream that refuses this query. */
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

/** Whether the same question may succeed later. A 500 is not temporary: the upstream may not support `last`. */
function isTemporary(error: unknown): boolean {
  if (!(error instanceof RegistryError)) return true;
  const { status, upstreamStatus = status } = error;
  return upstreamStatus === 429 || upstreamStatus > 501;
}

interface Next {
  query: string;
  /** The upstream sent no Link, but may have more entries. */
  isGuess: boolean;
}

/** Merged pages of one list. */
class Collected {
  readonly #tags: Set<string>;
  /** Page size requested by the client; undefined where it set none. */
  readonly #limit: number | undefined;
  readonly #wanted: number;
  /** Queries already made: a Link back to one of them is not followed. */
  readonly #requested = new Set<string>();
  #next: Next | undefined;
  /** Whether the upstream sends Links. */
  #isLinked = false;
  #pages = 1;
  #bytes: number;
  #largest: number;

  constructor(first: Page, limit: number | undefined) {
    this.#tags = new Set(first.tags);
    this.#limit = limit;
    this.#wanted = limit ?? MAX_ENTRIES;
    this.#bytes = first.bytes;
    this.#largest = first.tags.length;
    this.#requested.add(first.query.toString());
    this.#next = this.#nextOf(first);
  }

  get next(): Next | undefined {
    return this.#next;
  }

  /** Whether to stop: another page would not fit, or a limit is reached. Guessing whether there is more is worth a
   * request even then. */
  get isFull(): boolean {
    const { query, isGuess } = this.#next ?? { query: "", isGuess: false };
    if (this.#pages >= MAX_PAGES || this.#bytes >= LIST_LIMIT || this.#requested.has(query))
      return true;
    return !isGuess && this.#tags.size + this.#largest > this.#wanted;
  }

  /** @returns false if the page ends the list or does not fit */
  add(page: Page): boolean {
    const isGuess = this.#next?.isGuess ?? false;
    const added = page.tags.filter((tag) => !this.#tags.has(tag));
    // The guess was wrong: that was the last page, or the upstream ignores `last`.
    if (isGuess && (added.length === 0 || added.length < page.tags.length)) {
      this.end();
      return false;
    }
    if (this.#next && isGuess) this.#next = { ...this.#next, isGuess: false };
    if (this.#tags.size + added.length > this.#wanted) return false;
    for (const tag of added) this.#tags.add(tag);
    this.#pages += 1;
    this.#bytes += page.bytes;
    this.#largest = Math.max(this.#largest, page.tags.length);
    this.#requested.add(page.query.toString());
    this.#next = this.#nextOf(page);
    return true;
  }

  #nextOf(page: Page): Next | undefined {
    this.#isLinked ||= page.next !== undefined;
    if (page.next !== undefined) return { query: page.next, isGuess: false };
    const query = this.#isLinked ? undefined : guessBehind(page);
    return query === undefined ? undefined : { query, isGuess: true };
  }

  /** Marks the list as complete. */
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

/** Query of a possible next page; undefined if the page does not look cut. */
function guessBehind({ tags, query }: Page): string | undefined {
  const last = tags.at(-1);
  const isOwn = [...query.keys()].every((key) => key === "n" || key === "last");
  const isLastHonoured = !tags.includes(query.get("last") ?? "");
  const size = sizeOf(query);
  if (last === undefined || !isOwn || !isLastHonoured || !mayBeCut(tags.length, size))
    return undefined;
  return queryBehind(last, size);
}

/** Whether a page without a Link may not be the last: it is as long as requested, or as long as typical limits. Some
 * registries cut pages without a Link; they are asked once more. */
function mayBeCut(count: number, size: number | undefined): boolean {
  if (size !== undefined && count >= size) return true;
  return count >= MIN_ROUND && (count % 10 === 0 || (count & (count - 1)) === 0);
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
