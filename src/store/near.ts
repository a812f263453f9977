// Near copies of small values that are read often: in the isolate's memory for seconds, bounded by bytes, and in the edge cache for half a
// minute. A change or deletion shows after that time plus KV's own minute.

import { LRUCache } from "lru-cache";
import { within } from "../platform/deadline.ts";
import { EDGE_TIMEOUT, type EdgeCache } from "./edge.ts";
import { edgeNearKey } from "./keys.ts";
import type { Layer, ReadVisit } from "./visit.ts";

/** Maximum size of all copies in memory, in bytes, of an isolate's 128 MB. */
const MAX_BYTES = 16 * 1024 * 1024;
/** Maximum size of one copy, in bytes: a manifest may have 4 MiB. */
const MAX_ENTRY = 4 * 1024 * 1024 + 64 * 1024;
/** Assumed overhead of an entry in memory, in bytes. */
const OVERHEAD = 512;
/** How long a copy in memory is used, in ms. */
const RECENT = 5_000;
/** How long the edge cache keeps a copy, in s. */
export const USUAL = 30;
/** The same for a value that was just fetched, in s, since KV may remember a miss for up to a minute. */
export const JUST_FETCHED = 60;
/** First interval of polling for what another request is reading, in ms; doubles up to MAX_POLL_INTERVAL. Polls with timers of its own,
 * since a cancelled request never resolves a promise. */
const POLL_INTERVAL = 5;
const MAX_POLL_INTERVAL = 40;
/** Maximum time of polling, in ms. */
const POLL_TIMEOUT = 3_000;
/** Interval at which a reader shows that it is alive, in ms. */
const HEARTBEAT = 100;
/** Time without a heartbeat after which another request takes over, in ms. */
const READER_TIMEOUT = 500;
/** Number of readers from which on stale ones are removed: a cancelled request does not remove itself. */
const MANY_READERS = 1_000;

export interface Found<T> {
  value: T;
  layer: Layer;
  /** How long the edge cache keeps it, in s, if not USUAL. */
  seconds?: number;
}

/** Encoding of a value for the edge cache. */
export interface Form<T> {
  encode(value: T): { bytes: Uint8Array; contentType: string };
  /** Undefined if the response is not such a value. */
  decode(response: Response): Promise<T | undefined>;
  /** Distinguishes a new value from a repetition of the same. */
  version?(value: T): string;
}

/** The encoding of a value as JSON.
 * @param read the value; undefined if the parsed JSON is not such a value */
export function jsonForm<T extends object>(
  read: (parsed: Partial<T>) => T | undefined,
): Pick<Form<T>, "encode" | "decode"> {
  return {
    encode: (value) => ({
      bytes: new TextEncoder().encode(JSON.stringify(value)),
      contentType: "application/json",
    }),
    decode: async (response) => read((await response.json()) as Partial<T>),
  };
}

/** Under which key a value is kept, and how. */
export interface NearKey<T> {
  /** The key as in KV. */
  readonly key: string;
  /** Absent for a value that is kept in memory only. */
  readonly form?: Form<T>;
}

interface Entry {
  value: object;
  /** When it was read, in ms since the epoch. */
  at: number;
  bytes: number;
}

export class Near {
  readonly #edge: EdgeCache;
  readonly #recent: LRUCache<string, Entry>;
  /** Last heartbeat of each key's reader, in ms since the epoch. */
  readonly #reading = new Map<string, number>();

  /** @param max size of all copies in memory, in bytes */
  constructor(edge: EdgeCache, max = MAX_BYTES) {
    this.#edge = edge;
    this.#recent = new LRUCache({
      maxSize: max,
      maxEntrySize: Math.min(max, MAX_ENTRY),
      sizeCalculation: ({ bytes }, key) => bytes + key.length + OVERHEAD,
    });
  }

  /** Reads from memory, from the edge cache, else by `read`; concurrent requests of this isolate share one read. */
  async get<T extends object>(
    wanted: NearKey<T>,
    visit: ReadVisit,
    read: () => Promise<Found<T> | undefined>,
  ): Promise<Found<T> | undefined> {
    const { key, form } = wanted;
    const recent = this.#fromMemory<T>(key, visit);
    if (recent) return recent;
    const turn = this.#reading.has(key) ? await this.#waitForReader<T>(key, visit) : "mine";
    if (typeof turn === "object") return turn;
    const find = async () => {
      const near = form && (await this.#fromEdge(key, form, visit));
      const found = near ?? (await read());
      const learnt = this.#fromMemory<T>(key, visit);
      if (learnt) return learnt; // kept by another request meanwhile, and newer than the edge cache and KV, which lag
      if (near) this.#remember(wanted, near.value);
      else if (found) this.keep(wanted, found.value, visit, found.seconds);
      return found;
    };
    return turn === "beside" ? find() : this.#asReader(key, find);
  }

  /** Keeps a value in memory and in the edge cache. */
  keep<T extends object>(kept: NearKey<T>, value: T, visit: ReadVisit, seconds = USUAL): void {
    const { key, form } = kept;
    this.#remember(kept, value);
    if (!form) return;
    const edgeKey = edgeNearKey(key);
    if (!this.#edge.claim(visit, edgeKey, seconds * 1000, form.version?.(value))) return;
    visit.later(this.#edge.put(visit, edgeKey, { ...form.encode(value), maxAge: seconds }));
  }

  forget<T>({ key, form }: NearKey<T>, visit: ReadVisit): void {
    this.#recent.delete(key);
    if (form) visit.later(this.#edge.delete(visit, edgeNearKey(key)));
  }

  /** Size of all copies in memory, in bytes. */
  get size(): number {
    return this.#recent.calculatedSize;
  }

  /** Stamps the entry with the current time, not with that of the request's start. */
  #remember<T extends object>({ key, form }: NearKey<T>, value: T): void {
    const bytes = form?.encode(value).bytes.byteLength ?? 0;
    this.#recent.set(key, { value, bytes, at: Date.now() });
  }

  /** The copy in memory. */
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
    if (this.#reading.size >= MANY_READERS) this.#removeStale();
    show();
    const beat = setInterval(show, HEARTBEAT);
    try {
      return await work();
    } finally {
      clearInterval(beat);
      this.#reading.delete(key);
    }
  }

  #removeStale(): void {
    const now = Date.now();
    for (const [key, seenAt] of this.#reading)
      if (now - seenAt >= READER_TIMEOUT) this.#reading.delete(key);
  }

  /** Waits for another request's result. If that found nothing, returns "beside": all waiting requests read side by side. If that request
   * is gone, returns "mine" to one, which takes over. */
  async #waitForReader<T extends object>(
    key: string,
    visit: ReadVisit,
  ): Promise<Found<T> | "mine" | "beside"> {
    let interval = POLL_INTERVAL;
    for (let waited = 0; waited < POLL_TIMEOUT; waited += interval) {
      await new Promise((resolve) => setTimeout(resolve, interval));
      interval = Math.min(2 * interval, MAX_POLL_INTERVAL);
      const found = this.#fromMemory<T>(key, visit);
      if (found) return found;
      const seenAt = this.#reading.get(key);
      if (seenAt === undefined) return "beside";
      if (Date.now() - seenAt >= READER_TIMEOUT) break;
    }
    this.#reading.set(key, Date.now()); // before another request polls
    return "mine";
  }

  async #fromEdge<T>(key: string, form: Form<T>, visit: ReadVisit): Promise<Found<T> | undefined> {
    const edgeKey = edgeNearKey(key);
    const response = await this.#edge.match(visit, edgeKey);
    if (!response) return undefined;
    try {
      const late = () => new Error("timeout");
      const value = await within(form.decode(response), EDGE_TIMEOUT, late);
      if (value !== undefined) return { value, layer: "edge" };
      console.error(`entrepot: the edge cache returned an unexpected value for ${edgeKey}`);
    } catch (error) {
      console.error(
        `entrepot: the edge cache failed to deliver ${edgeKey}: ${(error as Error).message}`,
      );
    }
    visit.later(this.#edge.delete(visit, edgeKey));
    return undefined;
  }
}
