// Report throttle: reports each key at most once an hour, and keeps repeats in case they must be reported after all.

import { LRUCache } from "lru-cache";
import { atMost } from "../platform/bounded.ts";

/** In ms. */
const REPORT_INTERVAL = 60 * 60_000;
/** Maximum number of remembered keys, each of reported, waiting and held. A forgotten key is reported once more. */
const MAX_REMEMBERED = 10_000;

/** What one report takes along, to be ended by one of the three methods. Reports may overlap: each batch knows its own entries and the
 * repeats that were kept back before it. */
export interface ReportBatch<T> {
  readonly entries: ReadonlyMap<string, T>;
  /** Queues the entries again, because the report failed. */
  putBack(): void;
  /** Drops the repeats kept back before this report, because nothing has been marked for deletion since. */
  dropRepeats(): void;
  /** Queues the repeats, because something has been marked: forgets earlier reports, except of this batch's own entries. */
  queueRepeats(now: number): void;
}

export class ReportThrottle<T> {
  /** Key → time of the last report, in ms since the epoch. */
  readonly #reportedAt = new LRUCache<string, number>(atMost(MAX_REMEMBERED));
  #waiting = new Map<string, T>();
  /** Repeats within the hour, kept back since the last report. */
  #held = new Map<string, T>();

  /** Returns whether the key is to be reported now; `now` in ms since the epoch. */
  add(key: string, value: T, now: number): boolean {
    const reportedAt = this.#reportedAt.get(key);
    const isRepeat = reportedAt !== undefined && now - reportedAt < REPORT_INTERVAL;
    const list = isRepeat ? this.#held : this.#waiting;
    if (list.size < MAX_REMEMBERED) list.set(key, value);
    return !isRepeat;
  }

  /** Whether no key is to be reported. */
  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  /** Takes what is to be reported, and counts it as reported. */
  take(now: number): ReportBatch<T> {
    const entries = this.#waiting;
    this.#waiting = new Map();
    for (const key of entries.keys()) this.#reportedAt.set(key, now);
    const held = new Map(this.#held);
    return {
      entries,
      putBack: () => {
        for (const [key, value] of entries) this.again(key, value);
      },
      dropRepeats: () => {
        for (const [key, value] of held) if (this.#held.get(key) === value) this.#held.delete(key);
      },
      queueRepeats: (at) => this.#queueRepeats(entries.keys(), at),
    };
  }

  /** Queues a key again whose report failed or must be repeated. */
  again(key: string, value: T): void {
    this.#reportedAt.delete(key);
    if (!this.#waiting.has(key) && this.#waiting.size < MAX_REMEMBERED)
      this.#waiting.set(key, value);
  }

  #queueRepeats(reported: Iterable<string>, now: number): void {
    this.#reportedAt.clear();
    for (const key of reported) {
      this.#reportedAt.set(key, now);
      this.#held.delete(key);
    }
    for (const [key, value] of this.#held) this.#waiting.set(key, value);
    this.#held = new Map();
  }
}
