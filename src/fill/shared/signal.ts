// News: whoever waits for a change looks again at each one, and shares nothing but the moment.

export class Signal {
  readonly #waiting = new Set<() => void>();

  tell(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }

  /** Until the next change, or for that many ms. */
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

  /** The first answer of `look` that is not undefined; what `look` throws is thrown.
   * @param every looks again after so many ms too, for whoever also looks at the clock */
  async until<T>(look: () => T | undefined, every?: number): Promise<T> {
    for (;;) {
      const seen = look();
      if (seen !== undefined) return seen;
      if (every !== undefined) await this.within(every);
      else await new Promise<void>((wake) => this.#waiting.add(wake));
    }
  }
}
