// Edge cache: copies in the client's data center, by the Cache API. The value of a key never changes, or is kept for seconds only. It is
// read only for requests that have passed every access check.

import { within } from "../platform/deadline.ts";
import { Claims } from "./claims.ts";
import { edgeUrl } from "./keys.ts";
import type { ReadVisit } from "./visit.ts";

/** Name of a separate cache, which no client request and no fetch of this Worker reads or writes. */
const NAME = "entrepot";
/** Maximum number of claims of an isolate. */
const MAX_CLAIMS = 10_000;
/** Header with an entry's expiry, in ms since the epoch, since a zone's settings may override HTTP's cache headers. */
const UNTIL = "Entrepot-Until";

export interface EdgeEntry {
  bytes: Uint8Array;
  contentType: string;
  /** How long it may be kept, in s. */
  maxAge: number;
}

/** Timeout of a read, in ms; slower than this, R2 is faster. */
export const EDGE_TIMEOUT = 1000;
/** Timeout of a write or a deletion, in ms. */
const WRITE_TIMEOUT = 10_000;
/** Number of requests in a row with a failure after which the cache is not used for PAUSE. A request with a failure does not use the cache
 * again: it may have reached its limit of operations. */
const MAX_FAILURES = 3;
/** How long the cache is not used after failures, in ms. */
const PAUSE = 10_000;

/** A range of an entry, in bytes. */
export interface EdgePart {
  offset: number;
  length: number;
  /** Length of the whole entry. */
  of: number;
}

export class EdgeCache {
  /** Claims of URLs to write. */
  readonly #claims = new Claims(MAX_CLAIMS);
  readonly #failed = new WeakSet<ReadVisit>();
  #failures = 0;
  #pausedUntil = 0;
  #opened: Cache | undefined;

  /** Undefined if the entry is missing, its length is wrong, or the read fails. */
  async match(visit: ReadVisit, key: string, part?: EdgePart): Promise<Response | undefined> {
    if (!this.#isAvailable(visit)) return undefined;
    const range = part && part.length > 0 && part.length < part.of && rangeOf(part);
    const url = edgeUrl(visit.host, key);
    const asked = range ? new Request(url, { headers: { Range: `bytes=${range}` } }) : url;
    try {
      const response = await this.#match(asked);
      this.#failures = 0;
      if (!response) return undefined;
      const isPast = Number(response.headers.get(UNTIL)) <= visit.now;
      if (!isPast && (!part || hasLength(part, range, response))) return response;
      await response.body?.cancel();
      if (isPast) return undefined;
      console.error(`entrepot: the edge cache returned an unexpected value for ${key}`);
    } catch (error) {
      this.#fail(visit, "read", error);
    }
    return undefined;
  }

  /** Writes an entry from memory, never from a stream, since the API takes a body that breaks off for a complete one (seen locally).
   * @returns whether the API reported success */
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
      await within(put, WRITE_TIMEOUT, late);
      return true;
    } catch (error) {
      this.#fail(visit, "write", error); // only a copy is missing
      return false;
    }
  }

  /** Deletes the copy in this data center only: the API cannot reach others. */
  async delete(visit: ReadVisit, key: string): Promise<void> {
    const url = edgeUrl(visit.host, key);
    this.#claims.release(url);
    if (!this.#isAvailable(visit)) return;
    try {
      const deleted = this.#cache().then((cache) => cache.delete(url));
      await within(deleted, WRITE_TIMEOUT, late);
    } catch (error) {
      this.#fail(visit, "delete", error); // the entry expires
    }
  }

  /** Whether the caller should write an entry: false if this isolate recently has, or if there is no edge cache. Behind Cloudflare Access
   * the API silently drops entries, so they are not written again at once.
   * @param time how long others do not write it, in ms
   * @param version of the value; a claim of another version does not count */
  claim(visit: ReadVisit, key: string, time: number, version = ""): boolean {
    if (!this.#isAvailable(visit)) return false;
    return this.#claims.take(edgeUrl(visit.host, key), Date.now(), time, version);
  }

  /** Gives back a claim whose entry was not written. */
  unclaim(visit: ReadVisit, key: string): void {
    this.#claims.release(edgeUrl(visit.host, key));
  }

  /** Whether there is a cache: "Workers deployed to custom domains have access to functional `cache` operations" (Workers, Cache API). A
   * local run under a name that ends with .workers.dev.localhost behaves like one on workers.dev. */
  #isAvailable(visit: ReadVisit): boolean {
    if (/\.workers\.dev(\.localhost)?(:\d+)?$/i.test(visit.host)) return false;
    return Date.now() >= this.#pausedUntil && !this.#failed.has(visit);
  }

  /** Shares the opened cache among requests, but not its promise, since a promise of another request may never settle. */
  async #cache(): Promise<Cache> {
    this.#opened ??= await caches.open(NAME);
    return this.#opened;
  }

  async #match(request: Request | string): Promise<Response | undefined> {
    const matched = this.#cache().then((cache) => cache.match(request));
    return within(matched, EDGE_TIMEOUT, () => {
      matched.then((response) => response?.body?.cancel()).catch(() => {}); // a late response is dropped
      return late();
    });
  }

  #fail(visit: ReadVisit, what: "read" | "write" | "delete", error: unknown): void {
    console.error(`entrepot: the edge cache failed to ${what}: ${(error as Error).message}`);
    if (this.#failed.has(visit)) return;
    this.#failed.add(visit);
    this.#failures += 1;
    if (this.#failures >= MAX_FAILURES) this.#pausedUntil = Date.now() + PAUSE;
  }
}

function late(): Error {
  return new Error("timeout");
}

function hasLength(
  { of }: EdgePart,
  range: string | false | undefined,
  { status, headers }: Response,
) {
  if (range) return headers.get("content-range") === `bytes ${range}/${of}`;
  return status === 200 && headers.get("content-length") === String(of);
}

function rangeOf({ offset, length }: EdgePart): string {
  return `${offset}-${offset + length - 1}`;
}
