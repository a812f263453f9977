// Small things that are read over and over, kept near: in the isolate's memory for seconds, bounded by bytes, and at the edge for
// half a minute. So what changes or is deleted shows itself here within that time, and KV's own minute.

import { LRUCache } from "lru-cache";
import { within } from "../platform/deadline.ts";
import { EDGE_TIMEOUT, type EdgeCache } from "./edge.ts";
import { edgeNearKey } from "./keys.ts";
import type { Layer, ReadVisit } from "./visit.ts";

/** Of an isolate's 128 MB, in bytes. */
const MAX_BYTES = 16 * 1024 * 1024;
/** A manifest may have 4 MiB. */
const MOST_EACH = 4 * 1024 * 1024 + 64 * 1024;
/** What keeping anything costs beside its bytes. */
const OVERHEAD = 512;
/** For how long memory counts, in ms. */
const RECENT = 5_000;
/** For how long the edge does, in s; and for what was fetched just now, since KV may remember for a minute that it missed it. */
export const USUAL = 30;
export const JUST_FETCHED = 60;
/** When whoever finds that another request is reading the same looks first for what it has found, how often later, and for how long
 * in all, in ms. It looks by timers of its own: a request that is cancelled resolves nothing. */
const POLL_INTERVAL = 5;
const LONGEST_LOOK = 40;
const LONGEST_WAIT = 3_000;
/** How often a reader shows that it lives, and after how long without that another takes its place, in ms. */
const HEARTBEAT = 100;
const READER_TIMEOUT = 500;
/** So many readers are looked through for those that are gone: a request that is cancelled takes nothing back. */
const MANY_READERS = 1_000;

export interface Found<T> {
  value: T;
  layer: Layer;
  /** For how long the edge is to keep it, where that is not the usual time, in s. */
  seconds?: number;
}

/** How a thing is told in bytes; without, it is kept in memory alone. */
export interface Form<T> {
  encode(value: T): { bytes: Uint8Array; contentType: string };
  /** Undefined where it cannot be that. */
  decode(response: Response): Promise<T | undefined>;
  /** Tells one that replaces another from the same once more. */
  version?(value: T): string;
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
  /** Key → when its reader last showed that it lives, in ms since the epoch. */
  readonly #reading = new Map<string, number>();

  /** @param most what memory may hold, in bytes */
  constructor(edge: EdgeCache, most = MAX_BYTES) {
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
    visit: ReadVisit,
    read: () => Promise<Found<T> | undefined>,
  ): Promise<Found<T> | undefined> {
    const recent = this.#fromMemory<T>(key, visit);
    if (recent) return recent;
    const turn = this.#reading.has(key) ? await this.#others<T>(key, visit) : "mine";
    if (typeof turn === "object") return turn;
    const find = async () => {
      const near = form && (await this.#fromEdge(key, form, visit));
      const found = near ?? (await read());
      const learnt = this.#fromMemory<T>(key, visit);
      if (learnt) return learnt; // meanwhile, and from nobody who is late, as the edge and KV are
      if (near) this.#remember(key, near.value, form);
      else if (found) this.keep(key, found.value, form, visit, found.seconds);
      return found;
    };
    return turn === "beside" ? find() : this.#asReader(key, find);
  }

  /** For whoever asks next, here and at the edge. */
  keep<T extends object>(
    key: string,
    value: T,
    form: Form<T> | undefined,
    visit: ReadVisit,
    seconds = USUAL,
  ): void {
    this.#remember(key, value, form);
    if (!form) return;
    const edgeKey = edgeNearKey(key);
    if (!this.#edge.claim(visit, edgeKey, seconds * 1000, form.version?.(value))) return;
    visit.later(this.#edge.put(visit, edgeKey, { ...form.encode(value), maxAge: seconds }));
  }

  /** @param atEdge whether it is kept there too */
  forget(key: string, atEdge: boolean, visit: ReadVisit): void {
    this.#recent.delete(key);
    if (atEdge) visit.later(this.#edge.delete(visit, edgeNearKey(key)));
  }

  /** What memory holds, in bytes. */
  get size(): number {
    return this.#recent.calculatedSize;
  }

  /** Found now, whenever it was that the visit began. */
  #remember<T extends object>(key: string, value: T, form: Form<T> | undefined): void {
    const bytes = form?.encode(value).bytes.byteLength ?? 0;
    this.#recent.set(key, { value, bytes, at: Date.now() });
  }

  /** What memory has. */
  recent<T extends object>(key: string, visit: ReadVisit): T | undefined {
    return this.#fromMemory<T>(key, visit)?.value;
  }

  #fromMemory<T extends object>(key: string, { now }: ReadVisit): Found<T> | undefined {
    const entry = this.#recent.get(key);
    if (!entry || now - entry.at >= RECENT) return undefined;
    return { value: entry.value as T, layer: "memory" };
  }

  async #asReader<R>(key: string, work: () => Promise<R>): Promise<R> {
    const show = () => this.#reading.set(key, Date.now());
    if (this.#reading.size >= MANY_READERS) this.#forgetGone();
    show();
    const beat = setInterval(show, HEARTBEAT);
    try {
      return await work();
    } finally {
      clearInterval(beat);
      this.#reading.delete(key);
    }
  }

  #forgetGone(): void {
    const now = Date.now();
    for (const [key, seenAt] of this.#reading)
      if (now - seenAt >= READER_TIMEOUT) this.#reading.delete(key);
  }

  /** What another request finds; or whose turn it is then: where that one found nothing, everybody reads, side by side; where it
   * is gone, one does. */
  async #others<T extends object>(
    key: string,
    visit: ReadVisit,
  ): Promise<Found<T> | "mine" | "beside"> {
    let look = POLL_INTERVAL;
    for (let waited = 0; waited < LONGEST_WAIT; waited += look) {
      await new Promise((resolve) => setTimeout(resolve, look));
      look = Math.min(2 * look, LONGEST_LOOK);
      const found = this.#fromMemory<T>(key, visit);
      if (found) return found;
      const seenAt = this.#reading.get(key);
      if (seenAt === undefined) return "beside";
      if (Date.now() - seenAt >= READER_TIMEOUT) break;
    }
    this.#reading.set(key, Date.now()); // before anybody else looks
    return "mine";
  }

  async #fromEdge<T>(key: string, form: Form<T>, visit: ReadVisit): Promise<Found<T> | undefined> {
    const edgeKey = edgeNearKey(key);
    const response = await this.#edge.match(visit, edgeKey);
    if (!response) return undefined;
    try {
      const late = () => new Error("no end in time");
      const value = await within(form.decode(response), EDGE_TIMEOUT, late);
      if (value !== undefined) return { value, layer: "edge" };
      console.error(`entrepot: the edge cache has other than it was given under ${edgeKey}`);
    } catch (error) {
      console.error(`entrepot: the edge cache broke off ${edgeKey}: ${(error as Error).message}`);
    }
    visit.later(this.#edge.delete(visit, edgeKey));
    return undefined;
  }
}
