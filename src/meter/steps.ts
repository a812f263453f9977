// Step times of a request, for its log line and Server-Timing. The platform's clock stands still while code runs, so the times are those
// spent waiting for storage, Durable Objects and upstreams.

export type Step = "door" | "tag" | "read" | "fill" | "admission";

export class Steps {
  readonly #begun = Date.now();
  readonly #spent = new Map<Step, number>();

  /** Adds the time until the work has succeeded or failed. Overlapping steps each count their full time. */
  async time<T>(step: Step, work: Promise<T>): Promise<T> {
    const begun = Date.now();
    try {
      return await work;
    } finally {
      this.#spent.set(step, (this.#spent.get(step) ?? 0) + Date.now() - begun);
    }
  }

  /** Time since the request began, in ms. */
  get total(): number {
    return Date.now() - this.#begun;
  }

  /** Time of each step that ran, in ms. */
  get spent(): Partial<Record<Step, number>> {
    return Object.fromEntries(this.#spent);
  }

  /** Value of the Server-Timing header (W3C). */
  get header(): string {
    const all = [...this.#spent, ["total", this.total] as const];
    return all.map(([step, time]) => `${step};dur=${time}`).join(", ");
  }
}

/** Times the work if the request is timed. */
export function timed<T>(steps: Steps | undefined, step: Step, work: Promise<T>): Promise<T> {
  return steps ? steps.time(step, work) : work;
}
