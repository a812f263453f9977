// How long the steps of a request took: for its log line and Server-Timing. The platform's clock stands still while code runs, so that
// what is told is waiting: for storage, objects, upstreams.

export type Step = "door" | "tag" | "read" | "fill";

export class Steps {
  readonly #begun = Date.now();
  readonly #spent = new Map<Step, number>();

  /** Adds the time until the work has ended, one way or the other. Steps that overlap are told each as long as it took. */
  async time<T>(step: Step, work: Promise<T>): Promise<T> {
    const begun = Date.now();
    try {
      return await work;
    } finally {
      this.#spent.set(step, (this.#spent.get(step) ?? 0) + Date.now() - begun);
    }
  }

  /** In ms. */
  get total(): number {
    return Date.now() - this.#begun;
  }

  /** In ms, of those that were taken. */
  get spent(): Partial<Record<Step, number>> {
    return Object.fromEntries(this.#spent);
  }

  /** The header (Server Timing, W3C). */
  get header(): string {
    const all = [...this.#spent, ["total", this.total] as const];
    return all.map(([step, time]) => `${step};dur=${time}`).join(", ");
  }
}

/** For work whose request may not be timed. */
export function timed<T>(steps: Steps | undefined, step: Step, work: Promise<T>): Promise<T> {
  return steps ? steps.time(step, work) : work;
}
