// The edge cache: copies in the data centre that answers the client, by the Cache API. What a key means never changes, or is
// kept for seconds; and it is looked into for those alone who have passed every check.

import { edgeUrl } from "./keys.ts";
import type { Visit } from "./visit.ts";

/** A cache of our own: no request of a client's, and no fetch of ours, reads or writes it. */
const NAME = "entrepot";
const MOST_CLAIMS = 10_000;

export interface EdgeEntry {
  bytes: Uint8Array;
  contentType: string;
  /** For how long it may be kept, in s. */
  maxAge: number;
}

/** What of an entry is wanted, in bytes; and how long all of it is. */
export interface Part {
  offset: number;
  length: number;
  of: number;
}

export class EdgeCache {
  /** URL → until when it is left alone, in ms since the epoch. */
  readonly #claims = new Map<string, number>();

  /** Undefined where it is not there, is not as long as it must be, or cannot be read. */
  async match(visit: Visit, key: string, part?: Part): Promise<Response | undefined> {
    if (!isThere(visit)) return undefined;
    const range = part && part.length > 0 && part.length < part.of && rangeOf(part);
    const headers: Record<string, string> = range ? { Range: `bytes=${range}` } : {};
    try {
      const cache = await caches.open(NAME);
      const response = await cache.match(new Request(edgeUrl(visit.host, key), { headers }));
      if (!response || !part) return response;
      const told = range
        ? response.headers.get("content-range") === `bytes ${range}/${part.of}`
        : response.status === 200 && response.headers.get("content-length") === String(part.of);
      if (told) return response;
      await response.body?.cancel();
      console.error(`entrepot: the edge cache has other than it was given under ${key}`);
    } catch (error) {
      console.warn(`entrepot: the edge cache failed to read: ${(error as Error).message}`);
    }
    return undefined;
  }

  /** The API takes a body that breaks off for a whole one (seen locally): so an entry is put from memory, never from a stream. */
  async put(visit: Visit, key: string, { bytes, contentType, maxAge }: EdgeEntry): Promise<void> {
    const headers = {
      "Content-Type": contentType,
      "Content-Length": String(bytes.byteLength),
      "Cache-Control": `public, max-age=${maxAge}, immutable, no-transform`,
    };
    try {
      const cache = await caches.open(NAME);
      await cache.put(edgeUrl(visit.host, key), new Response(bytes, { headers }));
    } catch (error) {
      // Only a copy is not made.
      console.warn(`entrepot: the edge cache failed to write: ${(error as Error).message}`);
    }
  }

  /** Of this data centre alone: the API cannot reach the others. */
  async delete(visit: Visit, key: string): Promise<void> {
    const url = edgeUrl(visit.host, key);
    this.#claims.delete(url);
    if (!isThere(visit)) return;
    try {
      const cache = await caches.open(NAME);
      await cache.delete(url);
    } catch (error) {
      console.error(`entrepot: the edge cache failed to delete: ${(error as Error).message}`);
    }
  }

  /** Whether the caller is to write it: false where this isolate has lately, or where there is no edge cache. Behind Cloudflare
   * Access the API takes copies and loses them without a word; so it is not tried again at once.
   * @param within for how long, in ms, the key is then left alone */
  claim(visit: Visit, key: string, within: number): boolean {
    if (!isThere(visit)) return false;
    const url = edgeUrl(visit.host, key);
    const now = Date.now();
    if ((this.#claims.get(url) ?? 0) > now) return false;
    if (this.#claims.size >= MOST_CLAIMS) this.#claims.clear();
    this.#claims.set(url, now + within);
    return true;
  }
}

/** "Only Workers deployed to custom domains have access to functional cache operations" (Workers, Cache API). */
function isThere({ host }: Visit): boolean {
  return !/\.workers\.dev(:\d+)?$/i.test(host);
}

function rangeOf({ offset, length }: Part): string {
  return `${offset}-${offset + length - 1}`;
}
