// Claims: work that a request of this isolate has taken on, and other requests skip for a while.

export class Claims {
  readonly #max: number;
  /** End of each claim, in ms since the epoch, and its version, by key. */
  readonly #taken = new Map<string, { until: number; version: string }>();

  /** @param max number of claims; when it is exceeded all are dropped, and some work is then done twice */
  constructor(max: number) {
    this.#max = max;
  }

  /** Claims work; returns whether the caller should do it.
   * @param now in ms since the epoch
   * @param time how long others skip it, in ms
   * @param version of the work; a claim of another version does not count */
  take(key: string, now: number, time: number, version = ""): boolean {
    const taken = this.#taken.get(key);
    if (taken && taken.version === version && taken.until > now) return false;
    if (this.#taken.size >= this.#max) this.#taken.clear();
    this.#taken.set(key, { until: now + time, version });
    return true;
  }

  /** Gives back a claim whose work was not done. */
  release(key: string): void {
    this.#taken.delete(key);
  }
}
