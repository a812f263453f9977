// Lanes: fetch the segments of an attempt, in parallel by range where the upstream has ranges, otherwise one after
// another from a single answer.

import type { Rule } from "../../config/rule.ts";
import { RegistryError } from "../../oci/error.ts";
import { originOf } from "../../policy/source.ts";
import { SEGMENT, segmentLength } from "../../store/segments.ts";
import type { Partial, TimedBody } from "../../upstream/client/body.ts";
import type { Attempt } from "./attempt.ts";
import { budget, type Lease, type Purpose } from "./budget.ts";
import type { Fetcher } from "./fetcher.ts";
import { fetchSegment, readOn, StartOver } from "./transfer.ts";

/** Maximum concurrent puts while a single answer is read on. */
const MAX_PUTS = 3;
/** Maximum wait in ms of an extra lane for its buffer before it checks again whether there is work. */
const EXTRA_LEASE_TIMEOUT = 200;

export interface Opening {
  /** First segment of the answer. */
  number: number;
  body: TimedBody;
  lease: Lease;
}

interface Broken {
  number: number;
  partial: Partial;
  lease: Lease;
}

export class Lanes {
  readonly #attempt: Attempt;
  readonly #fetcher: Fetcher;
  readonly #connections: number;
  readonly #origin: string;
  readonly #active = new Set<TimedBody>();
  #failure: { error: unknown } | undefined;

  /** @param rule sets the number of lanes, where the upstream has ranges */
  constructor(attempt: Attempt, fetcher: Fetcher, rule: Rule) {
    this.#attempt = attempt;
    this.#fetcher = fetcher;
    this.#connections = rule.connections;
    this.#origin = originOf(rule);
  }

  #lease(purpose: Purpose, within?: number): Promise<Lease> {
    return budget.lease(SEGMENT, purpose, within, this.#origin);
  }

  /** Fetches all missing segments over all lanes; the first lane starts with the open answer. */
  async byRanges(opening?: Opening): Promise<void> {
    const lanes = [this.#firstLane(opening)];
    while (lanes.length < this.#connections) lanes.push(this.#extraLane());
    await this.#all(lanes);
    // Segments returned by an extra lane after the first lane had ended.
    if (this.#attempt.peek() !== undefined) await this.#all([this.#firstLane()]);
  }

  async #firstLane(opening?: Opening): Promise<void> {
    let opened = opening;
    while (!this.#failure) {
      const lease = opened?.lease ?? (await this.#lease("first"));
      try {
        const number = opened?.number ?? (this.#failure ? undefined : this.#attempt.take());
        if (number === undefined) return;
        await this.#segment(number, opened?.body);
      } finally {
        lease.release();
      }
      opened = undefined;
    }
  }

  /** A lane that only adds speed. If the upstream refuses it (a limit on connections, for example), it returns its
   * segment and ends; only the first lane can fail the fill. */
  async #extraLane(): Promise<void> {
    while (!this.#failure && this.#attempt.peek() !== undefined) {
      const lease = await this.#extraLease();
      if (!lease) continue;
      try {
        const number = this.#failure ? undefined : this.#attempt.take();
        if (number === undefined) return;
        try {
          await this.#segment(number);
        } catch (error) {
          if (!(error instanceof RegistryError)) throw error;
          this.#attempt.giveBack(number);
          return;
        }
      } finally {
        lease.release();
      }
    }
  }

  /** Undefined on timeout, so that a waiting lane notices when no work is left. */
  async #extraLease(): Promise<Lease | undefined> {
    try {
      return await this.#lease("extra", EXTRA_LEASE_TIMEOUT);
    } catch (error) {
      if (error instanceof RegistryError) return undefined;
      throw error;
    }
  }

  async #segment(number: number, opened?: TimedBody): Promise<void> {
    const size = this.#attempt.size as number;
    const partial = { buffer: new Uint8Array(segmentLength(size, number)), have: 0 };
    await fetchSegment(this.#fetcher, { number, size, partial }, this.#active, opened);
    await this.#attempt.keep(number, partial.buffer);
  }

  /**
   * Reads a single answer from segment 0 to its end. If it breaks off, continues by ranges where the upstream has them.
   */
  async inOrder(opening: Opening): Promise<void> {
    const puts = new Set<Promise<void>>();
    this.#active.add(opening.body);
    const broken = await this.#readThrough(opening, puts).catch((error) => this.#fail(error));
    opening.body.cancel();
    this.#active.delete(opening.body);
    if (broken) await this.#resume(broken).catch((error) => this.#fail(error));
    await this.#all([...puts]);
    if (broken) await this.byRanges();
  }

  /** Returns the segment that was being read when the connection broke; undefined if all was read. */
  async #readThrough(opening: Opening, puts: Set<Promise<void>>): Promise<Broken | undefined> {
    const attempt = this.#attempt;
    let { lease } = opening;
    for (let number = 0; ; number++) {
      attempt.takeThis(number);
      const { size } = attempt;
      const length = size === null ? SEGMENT : segmentLength(size, number);
      const partial = { buffer: new Uint8Array(length), have: 0 };
      const outcome = await readOn(opening.body, partial);
      const full = partial.have === length;
      if (size === null ? outcome === "broken" : !full) return { number, partial, lease };
      if (size === null && !full) attempt.size = number * SEGMENT + partial.have;
      if (partial.have === 0 && number > 0) lease.release();
      else this.#put(puts, number, partial.buffer.subarray(0, partial.have), lease);
      if (this.#failure || number + 1 >= (attempt.count ?? Number.POSITIVE_INFINITY))
        return undefined;
      while (puts.size >= MAX_PUTS) await Promise.race(puts);
      lease = await this.#lease("first");
    }
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

  async #resume({ number, partial, lease }: Broken): Promise<void> {
    try {
      const { size } = this.#attempt;
      if (size === null) throw new StartOver("a response of unknown length was interrupted");
      await fetchSegment(this.#fetcher, { number, size, partial }, this.#active);
      this.#attempt.ranges = true;
      await this.#attempt.keep(number, partial.buffer);
    } finally {
      lease.release();
    }
  }

  /** Waits for all lanes; the first failure cancels the other transfers, and is thrown once they have ended. */
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
