// The edge cache: copies in the data centre that answers the client, by the Cache API. What a key means never changes, or is
// kept for seconds; and it is looked into for those alone who have passed every check.

import { within } from "../platform/deadline.ts";
import { Claims } from "./claims.ts";
import { edgeUrl } from "./keys.ts";
import type { ReadVisit } from "./visit.ts";

/** A cache of our own: no request of a client's, and no fetch of ours, reads or writes it. */
const NAME = "entrepot";
const MOST_CLAIMS = 10_000;
/** Until when an entry counts, in ms since the epoch: a zone's settings may have their way with the headers of HTTP. */
const UNTIL = "Entrepot-Until";

export interface EdgeEntry {
  bytes: Uint8Array;
  contentType: string;
  /** For how long it may be kept, in s. */
  maxAge: number;
}

/** What comes from next door is here by then, in ms; else it is not worth waiting for. */
export const EDGE_TIMEOUT = 1000;
/** An entry is written by then, in ms, or never. */
const WRITTEN = 10_000;
/** How many visits the cache must fail one after the other to be done without, and for how long then, in ms. A visit that it has
 * failed does without from then on: it may have had as many operations as a request may. */
const MOST_FAILED = 3;
const REST = 10_000;

/** What of an entry is wanted, in bytes; and how long all of it is. */
export interface EdgePart {
  offset: number;
  length: number;
  of: number;
}

export class EdgeCache {
  /** Of URLs that are written, or have been. */
  readonly #claims = new Claims(MOST_CLAIMS);
  readonly #failed = new WeakSet<ReadVisit>();
  #failures = 0;
  #restsUntil = 0;
  #opened: Cache | undefined;

  /** Undefined where it is not there, is not as long as it must be, or cannot be read. */
  async match(visit: ReadVisit, key: string, part?: EdgePart): Promise<Response | undefined> {
    if (!this.#isThere(visit)) return undefined;
    const range = part && part.length > 0 && part.length < part.of && rangeOf(part);
    const url = edgeUrl(visit.host, key);
    const asked = range ? new Request(url, { headers: { Range: `bytes=${range}` } }) : url;
    try {
      const response = await this.#match(asked);
      this.#failures = 0;
      if (!response) return undefined;
      const isPast = Number(response.headers.get(UNTIL)) <= visit.now;
      if (!isPast && (!part || isOf(part, range, response))) return response;
      await response.body?.cancel();
      if (isPast) return undefined;
      console.error(`entrepot: the edge cache has other than it was given under ${key}`);
    } catch (error) {
      this.#fail(visit, "read", error);
    }
    return undefined;
  }

  /** The API takes a body that breaks off for a whole one (seen locally): so an entry is put from memory, never from a stream.
   * @returns whether it was written, as far as the API says */
  async put(
    visit: ReadVisit,
    key: string,
    { bytes, contentType, maxAge }: EdgeEntry,
  ): Promise<boolean> {
    const headers = {
      "Content-Type": contentType,
      "Content-Length": String(bytes.byteLength),
      "Cache-Control": `public, max-age=${maxAge}, immutable, no-transform`,
      [UNTIL]: String(Date.now() + maxAge * 1000),
    };
    try {
      const response = new Response(bytes, { headers });
      const put = this.#cache().then((cache) => cache.put(edgeUrl(visit.host, key), response));
      await within(put, WRITTEN, late);
      return true;
    } catch (error) {
      this.#fail(visit, "write", error); // only a copy is not made
      return false;
    }
  }

  /** Of this data centre alone: the API cannot reach the others. */
  async delete(visit: ReadVisit, key: string): Promise<void> {
    const url = edgeUrl(visit.host, key);
    this.#claims.release(url);
    if (!this.#isThere(visit)) return;
    try {
      const deleted = this.#cache().then((cache) => cache.delete(url));
      await within(deleted, WRITTEN, late);
    } catch (error) {
      this.#fail(visit, "delete", error); // its time will pass
    }
  }

  /** Whether the caller is to write it: false where this isolate has lately, or where there is no edge cache. Behind Cloudflare
   * Access the API takes copies and loses them without a word; so it is not tried again at once.
   * @param time for which, in ms, the key is then left alone
   * @param version of what is to be written: another one is not left alone */
  claim(visit: ReadVisit, key: string, time: number, version = ""): boolean {
    if (!this.#isThere(visit)) return false;
    return this.#claims.take(edgeUrl(visit.host, key), Date.now(), time, version);
  }

  /** What was claimed was not written. */
  unclaim(visit: ReadVisit, key: string): void {
    this.#claims.release(edgeUrl(visit.host, key));
  }

  /** "Workers deployed to custom domains have access to functional `cache` operations" (Workers, Cache API). A local run stands for one on
   * workers.dev under a name that ends in .workers.dev.localhost. */
  #isThere(visit: ReadVisit): boolean {
    if (/\.workers\.dev(\.localhost)?(:\d+)?$/i.test(visit.host)) return false;
    return Date.now() >= this.#restsUntil && !this.#failed.has(visit);
  }

  /** The cache, but not the promise of it, may be another request's. */
  async #cache(): Promise<Cache> {
    this.#opened ??= await caches.open(NAME);
    return this.#opened;
  }

  async #match(request: Request | string): Promise<Response | undefined> {
    const matched = this.#cache().then((cache) => cache.match(request));
    return within(matched, EDGE_TIMEOUT, () => {
      matched.then((response) => response?.body?.cancel()).catch(() => {}); // nobody waits for it any more
      return late();
    });
  }

  #fail(visit: ReadVisit, what: "read" | "write" | "delete", error: unknown): void {
    console.error(`entrepot: the edge cache failed to ${what}: ${(error as Error).message}`);
    if (this.#failed.has(visit)) return;
    this.#failed.add(visit);
    this.#failures += 1;
    if (this.#failures >= MOST_FAILED) this.#restsUntil = Date.now() + REST;
  }
}

function late(): Error {
  return new Error("no answer in time");
}

function isOf({ of }: EdgePart, range: string | false | undefined, { status, headers }: Response) {
  if (range) return headers.get("content-range") === `bytes ${range}/${of}`;
  return status === 200 && headers.get("content-length") === String(of);
}

function rangeOf({ offset, length }: EdgePart): string {
  return `${offset}-${offset + length - 1}`;
}
