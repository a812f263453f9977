// What is told at most once an hour: what is to be told, what has been, and what was not since it had been.

import { LRUCache } from "lru-cache";

/** In ms. */
const HOUR = 60 * 60_000;
/** Of each kind. What is forgotten is told once more. */
const MAX_REMEMBERED = 10_000;

export class ReportThrottle<T> {
  /** Key → when it was told, in ms since the epoch. */
  readonly #told = new LRUCache<string, number>({ max: MAX_REMEMBERED });
  #waiting = new Map<string, T>();
  /** What came since the last telling, and had been told. */
  #held = new Map<string, T>();

  /** @param now in ms since the epoch
   * @returns whether it is to be told */
  add(key: string, value: T, now: number): boolean {
    const toldAt = this.#told.get(key);
    const isTold = toldAt !== undefined && now - toldAt < HOUR;
    const list = isTold ? this.#held : this.#waiting;
    if (list.size < MAX_REMEMBERED) list.set(key, value);
    return !isTold;
  }

  /** What is to be told, which counts as told from now on. */
  take(now: number): Map<string, T> {
    const waiting = this.#waiting;
    this.#waiting = new Map();
    for (const key of waiting.keys()) this.#told.set(key, now);
    return waiting;
  }

  /** It was not told, or is to be once more. */
  again(key: string, value: T): void {
    this.#told.delete(key);
    if (!this.#waiting.has(key) && this.#waiting.size < MAX_REMEMBERED)
      this.#waiting.set(key, value);
  }

  /** What was told before counts no more: also what was held back for it.
   * @param just what was told just now, and does count */
  tellAnew(just: Iterable<string>, now: number): void {
    this.#told.clear();
    for (const key of just) {
      this.#told.set(key, now);
      this.#held.delete(key);
    }
    for (const [key, value] of this.#held) this.#waiting.set(key, value);
    this.#held = new Map();
  }

  /** It was told, and nothing has been marked since: what was held back needs not be told. */
  drop(held: ReadonlyMap<string, T>): void {
    for (const [key, value] of held) if (this.#held.get(key) === value) this.#held.delete(key);
  }

  get held(): ReadonlyMap<string, T> {
    return new Map(this.#held);
  }
}
