// Small things that are read over and over, kept near: in the isolate's memory for seconds, bounded by bytes, and at the edge for
// half a minute. So what changes or is deleted shows itself here within that time, and KV's own minute.

import { LRUCache } from "lru-cache";
import type { EdgeCache } from "./edge.ts";
import { edgeNearKey } from "./keys.ts";
import type { Layer, Visit } from "./visit.ts";

/** Of an isolate's 128 MB, in bytes. */
const MOST = 16 * 1024 * 1024;
/** A manifest may have 4 MiB; a few of those must not push all others out. */
const MOST_EACH = 1024 * 1024;
/** What keeping anything costs beside its bytes. */
const OVERHEAD = 512;
/** For how long memory counts, in ms. */
const RECENT = 5_000;
/** For how long the edge does, in s. */
const AT_EDGE = 30;
/** How often, and how many times, whoever finds that another request is reading the same looks for what it has found, in ms. A
 * request must not wait for another's promise: should that one be cancelled, nobody would resolve it. */
const LOOK = 5;
const MOST_LOOKS = 40;

export interface Found<T> {
  value: T;
  layer: Layer;
}

/** How a thing is told in bytes; without, it is kept in memory alone. */
export interface Form<T> {
  encode(value: T): { bytes: Uint8Array; contentType: string };
  decode(response: Response): Promise<T>;
}

interface Entry {
  value: object;
  /** When it was found, in ms since the epoch. */
  at: number;
  bytes: number;
}

export class Near {
  readonly #edge: EdgeCache;
  readonly #recent: LRUCache<string, Entry>;
  readonly #reading = new Set<string>();

  /** @param most what memory may hold, in bytes */
  constructor(edge: EdgeCache, most = MOST) {
    this.#edge = edge;
    this.#recent = new LRUCache({
      maxSize: most,
      maxEntrySize: Math.min(most, MOST_EACH),
      sizeCalculation: ({ bytes }, key) => bytes + key.length + OVERHEAD,
    });
  }

  /** From memory, from the edge, else what `read` finds farther away: once for all who ask this isolate meanwhile.
   * @param key as in KV */
  async get<T extends object>(
    key: string,
    form: Form<T> | undefined,
    visit: Visit,
    read: () => Promise<Found<T> | undefined>,
  ): Promise<Found<T> | undefined> {
    const recent = this.#fromMemory<T>(key, visit);
    if (recent) return recent;
    // Whoever has waited for another in vain reads beside those who have too, not one after the other.
    if (!this.#reading.has(key)) this.#reading.add(key);
    else {
      const other = await this.#fromOther<T>(key, visit);
      if (other) return other;
    }
    try {
      const near = form && (await this.#fromEdge(key, form, visit));
      if (near) {
        this.#remember(key, near.value, form.encode(near.value).bytes.byteLength);
        return near;
      }
      const found = await read();
      const learnt = this.#fromMemory<T>(key, visit);
      if (learnt) return learnt; // meanwhile, and not from KV, which is late
      if (found) this.keep(key, found.value, form, visit);
      return found;
    } finally {
      this.#reading.delete(key);
    }
  }

  /** For whoever asks next, here and at the edge. */
  keep<T extends object>(key: string, value: T, form: Form<T> | undefined, visit: Visit): void {
    const told = form?.encode(value);
    this.#remember(key, value, told?.bytes.byteLength ?? 0);
    const edgeKey = edgeNearKey(key);
    if (!told || !this.#edge.claim(visit, edgeKey, AT_EDGE * 1000)) return;
    visit.later(this.#edge.put(visit, edgeKey, { ...told, maxAge: AT_EDGE }));
  }

  forget(key: string, visit: Visit): void {
    this.#recent.delete(key);
    visit.later(this.#edge.delete(visit, edgeNearKey(key)));
  }

  /** What memory holds, in bytes. */
  get size(): number {
    return this.#recent.calculatedSize;
  }

  /** Found now, whenever it was that the visit began. */
  #remember(key: string, value: object, bytes: number): void {
    this.#recent.set(key, { value, bytes, at: Date.now() });
  }

  #fromMemory<T extends object>(key: string, { now }: Visit): Found<T> | undefined {
    const entry = this.#recent.get(key);
    if (!entry || now - entry.at >= RECENT) return undefined;
    return { value: entry.value as T, layer: "memory" };
  }

  /** What another request is finding just now. */
  async #fromOther<T extends object>(key: string, visit: Visit): Promise<Found<T> | undefined> {
    for (let looks = 0; looks < MOST_LOOKS && this.#reading.has(key); looks++) {
      await new Promise((resolve) => setTimeout(resolve, LOOK));
      const found = this.#fromMemory<T>(key, visit);
      if (found) return found;
    }
    return undefined;
  }

  async #fromEdge<T>(key: string, form: Form<T>, visit: Visit): Promise<Found<T> | undefined> {
    const response = await this.#edge.match(visit, edgeNearKey(key));
    if (!response) return undefined;
    try {
      return { value: await form.decode(response), layer: "edge" };
    } catch (error) {
      console.warn(`entrepot: the edge cache failed to read ${key}: ${(error as Error).message}`);
      return undefined;
    }
  }
}
