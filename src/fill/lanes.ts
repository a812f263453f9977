// Lanes: how the segments of one attempt are fetched. Side by side, each by its own range, where the upstream has
// ranges; one after the other from a single answer where it has none.

import { SEGMENT, segmentLength } from "../store/segments.ts";
import type { TimedBody } from "../upstream/body.ts";
import type { Attempt } from "./attempt.ts";
import { budget, type Lease } from "./budget.ts";
import type { Fetcher } from "./fetcher.ts";
import { fetchSegment, readOn, StartOver } from "./transfer.ts";

/** How many segments of a single answer may be on their way into R2 while the next is read. */
const PUTS = 3;

export interface Opening {
  /** The segment that the answer begins with. */
  number: number;
  body: TimedBody;
  lease: Lease;
}

export class Lanes {
  readonly #attempt: Attempt;
  readonly #fetcher: Fetcher;
  readonly #connections: number;
  readonly #patience: number;
  readonly #active = new Set<TimedBody>();
  #failure: { error: unknown } | undefined;

  /** @param connections how many lanes there are, where the upstream has ranges
   * @param patience how long a lease may be silent, in ms (fill/budget) */
  constructor(attempt: Attempt, fetcher: Fetcher, connections: number, patience: number) {
    this.#attempt = attempt;
    this.#fetcher = fetcher;
    this.#connections = connections;
    this.#patience = patience;
  }

  /** Fetches all that is missing, over all lanes at once; the first starts with what is open already. */
  async byRanges(opening?: Opening): Promise<void> {
    const lanes = [this.#lane(opening)];
    while (lanes.length < this.#connections) lanes.push(this.#lane());
    await this.#all(lanes);
  }

  async #lane(opening?: Opening): Promise<void> {
    let opened = opening;
    while (!this.#failure) {
      const lease = opened?.lease ?? (await budget.lease(SEGMENT, this.#patience));
      try {
        const number = opened?.number ?? (this.#failure ? undefined : this.#attempt.take());
        if (number === undefined) return;
        await this.#segment(number, lease, opened?.body);
      } finally {
        lease.release();
      }
      opened = undefined;
    }
  }

  async #segment(number: number, lease: Lease, opened?: TimedBody): Promise<void> {
    const size = this.#attempt.size as number;
    const partial = { buffer: new Uint8Array(segmentLength(size, number)), have: 0 };
    await fetchSegment(this.#fetcher, number, size, partial, lease, this.#active, opened);
    lease.touch();
    await this.#attempt.keep(number, partial.buffer);
  }

  /** Reads a single answer from segment 0 to its end. Where it breaks, goes on by ranges if the upstream has them. */
  async inOrder(opening: Opening): Promise<void> {
    const puts = new Set<Promise<void>>();
    this.#active.add(opening.body);
    let { lease } = opening;
    for (let number = 0; ; number++) {
      this.#attempt.takeThis(number);
      const size = this.#attempt.size;
      const partial = {
        buffer: new Uint8Array(size === null ? SEGMENT : segmentLength(size, number)),
        have: 0,
      };
      const outcome = await readOn(opening.body, partial, lease);
      const full = partial.have === partial.buffer.byteLength;
      if (size === null ? outcome === "broken" : !full) {
        await this.#resume(number, partial, lease);
        await this.#all([...puts, this.byRanges()]);
        return;
      }
      if (size === null && !full) this.#attempt.size = number * SEGMENT + partial.have;
      if (partial.have === 0 && number > 0) lease.release();
      else this.#put(puts, number, partial.buffer.subarray(0, partial.have), lease);
      if (this.#failure || number + 1 >= (this.#attempt.count ?? Infinity)) break;
      while (puts.size >= PUTS) await Promise.race(puts);
      lease = await budget.lease(SEGMENT, this.#patience);
    }
    await this.#all([...puts]);
  }

  #put(puts: Set<Promise<void>>, number: number, bytes: Uint8Array, lease: Lease): void {
    const put = this.#attempt
      .keep(number, bytes)
      .catch((error) => this.#fail(error))
      .finally(() => {
        lease.release();
        puts.delete(put);
      });
    puts.add(put);
  }

  async #resume(
    number: number,
    partial: { buffer: Uint8Array; have: number },
    lease: Lease,
  ): Promise<void> {
    try {
      const { size } = this.#attempt;
      if (size === null) throw new StartOver("an answer of unknown length broke off");
      await fetchSegment(this.#fetcher, number, size, partial, lease, this.#active);
      this.#attempt.ranges = true;
      await this.#attempt.keep(number, partial.buffer);
    } finally {
      lease.release();
    }
  }

  /** Waits for all; the first failure ends the others' transfers at once, and is thrown when they have ended. */
  async #all(lanes: Promise<void>[]): Promise<void> {
    await Promise.all(lanes.map((lane) => lane.catch((error) => this.#fail(error))));
    if (this.#failure) throw this.#failure.error;
  }

  #fail(error: unknown): void {
    if (this.#failure) return;
    this.#failure = { error };
    for (const body of this.#active) body.cancel();
  }
}
