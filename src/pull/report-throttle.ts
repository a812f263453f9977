// Report throttle: reports each key at most once an hour, and keeps repeats in case they must be reported after all.

import { LRUCache } from "lru-cache";

/** In ms. */
const REPORT_INTERVAL = 60 * 60_000;
/** Maximum number of remembered keys, each of reported, waiting and held. A forgotten key is reported once more. */
const MAX_REMEMBERED = 10_000;

export class ReportThrottle<T> {
  /** Key → time of the last report, in ms since the epoch. */
  readonly #reportedAt = new LRUCache<string, number>({ max: MAX_REMEMBERED });
  #waiting = new Map<string, T>();
  /** Repeats within the hour, kept back since the last report. */
  #held = new Map<string, T>();

  /** Returns whether the key is to be reported now; `now` in ms since the epoch. */
  add(key: string, value: T, now: number): boolean {
    const toldAt = this.#reportedAt.get(key);
    const isTold = toldAt !== undefined && now - toldAt < REPORT_INTERVAL;
    const list = isTold ? this.#held : this.#waiting;
    if (list.size < MAX_REMEMBERED) list.set(key, value);
    return !isTold;
  }

  /** Returns what is to be reported, and counts it as reported. */
  take(now: number): Map<string, T> {
    const waiting = this.#waiting;
    this.#waiting = new Map();
    for (const key of waiting.keys()) this.#reportedAt.set(key, now);
    return waiting;
  }

  /** Queues a key again whose report failed or must be repeated. */
  again(key: string, value: T): void {
    this.#reportedAt.delete(key);
    if (!this.#waiting.has(key) && this.#waiting.size < MAX_REMEMBERED)
      this.#waiting.set(key, value);
  }

  /** Forgets earlier reports and queues the repeats kept back for them. `just` lists the keys of the report just sent, which still
   * count. */
  tellAnew(just: Iterable<string>, now: number): void {
    this.#reportedAt.clear();
    for (const key of just) {
      this.#reportedAt.set(key, now);
      this.#held.delete(key);
    }
    for (const [key, value] of this.#held) this.#waiting.set(key, value);
    this.#held = new Map();
  }

  /** Drops repeats that need not be reported, because nothing has been marked for deletion since. */
  drop(held: ReadonlyMap<string, T>): void {
    for (const [key, value] of held) if (this.#held.get(key) === value) this.#held.delete(key);
  }

  get held(): ReadonlyMap<string, T> {
    return new Map(this.#held);
  }
}
