// Signal: wakes all waiters at each change; each then checks its own condition.

export class Signal {
  readonly #waiting = new Set<() => void>();

  notify(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }

  /** Resolves at the next change, or after `time` ms. */
  async within(time: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let mine = () => {};
    await new Promise<void>((wake) => {
      mine = wake;
      this.#waiting.add(wake);
      timer = setTimeout(wake, time);
    });
    clearTimeout(timer);
    this.#waiting.delete(mine);
  }

  /** Calls `look` at each change until it returns something other than undefined; its errors are thrown.
   * @param every also calls it at this interval in ms, for conditions that depend on the clock */
  async until<T>(look: () => T | undefined, every?: number): Promise<T> {
    for (;;) {
      const seen = look();
      if (seen !== undefined) return seen;
      if (every !== undefined) await this.within(every);
      else await new Promise<void>((wake) => this.#waiting.add(wake));
    }
  }
}
