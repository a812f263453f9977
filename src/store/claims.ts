// Claims: what somebody of this isolate has taken on himself to do, and others leave alone for a while.

export class Claims {
  readonly #most: number;
  /** Key → until when, in ms since the epoch, and of which version. */
  readonly #taken = new Map<string, { until: number; version: string }>();

  /** @param most claims at once; when there are more, all are forgotten: something is then done twice */
  constructor(most: number) {
    this.#most = most;
  }

  /** Whether the caller is to do it.
   * @param now in ms since the epoch
   * @param time for which, in ms, it is then left alone
   * @param version of what is to be done: another one is not left alone */
  take(key: string, now: number, time: number, version = ""): boolean {
    const taken = this.#taken.get(key);
    if (taken && taken.version === version && taken.until > now) return false;
    if (this.#taken.size >= this.#most) this.#taken.clear();
    this.#taken.set(key, { until: now + time, version });
    return true;
  }

  /** It was not done. */
  release(key: string): void {
    this.#taken.delete(key);
  }
}
