// The copies that an answer leaves behind: the segments that it had to read from R2 are put into the edge cache, by a reading of
// their own. Neither waits for the other: a client that is slow, or leaves, is nothing to a copy, and a copy nothing to a client.

import { Budget } from "../fill/blob/budget.ts";
import { within } from "../platform/deadline.ts";
import { type Layout, SEGMENT, segmentLength } from "../store/segments.ts";
import type { ReadVisit } from "../store/visit.ts";
import type { PullServices } from "./services.ts";

/** The answer gets so much of a start, in ms: most are over by then, and a client comes before a copy. */
const HEAD_START = 1000;
/** Of all copies in one isolate, in bytes: the segment, and the cache's own copy of it. Not of the fills' budget: a fill comes
 * before a copy. */
const budget = new Budget(2 * SEGMENT);
/** How long a copy waits for its place, and how long it may take, in ms; without, the next pull makes it. */
const COPY_QUEUE_TIMEOUT = 15_000;
const COPY_TIMEOUT = 20_000;
const MOST_WAITING = 50;

export class Copies {
  readonly #services: PullServices;
  readonly #visit: ReadVisit;
  readonly #wanted: number[] = [];
  #wake: () => void = () => {};

  constructor(services: PullServices, visit: ReadVisit) {
    this.#services = services;
    this.#visit = visit;
  }

  /** Segment `number` was read from R2. */
  want(number: number): void {
    this.#wanted.push(number);
    this.#wake();
  }

  /** Makes the copies, one at a time, until the answer is over and none is left to make.
   * @param layout of the blob, once it is published */
  async follow(answer: Promise<unknown>, layout: () => Layout | undefined): Promise<void> {
    let over = false;
    const ended = answer
      .catch(() => {}) // whoever sends the answer tells
      .then(() => {
        over = true;
        this.#wake();
      });
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, HEAD_START))]);
    for (;;) {
      const published = layout();
      const number = published && this.#wanted.shift();
      if (published && number !== undefined) await this.#copy(published, number);
      else if (over) return;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }

  async #copy(layout: Layout, number: number): Promise<void> {
    const { blobs, served } = this.#services;
    if (budget.waiting >= MOST_WAITING) return; // whoever comes next may
    if (!blobs.claimCopy(layout, number, this.#visit)) return;
    try {
      const lease = await budget.lease(
        2 * segmentLength(layout.size, number),
        "small",
        COPY_QUEUE_TIMEOUT,
      );
      try {
        const copied = blobs.copy(layout, number, this.#visit);
        if (await within(copied, COPY_TIMEOUT, () => new Error("it takes too long"))) served.copy();
      } finally {
        lease.release();
      }
    } catch (error) {
      blobs.unclaimCopy(layout, number, this.#visit);
      const { message } = error as Error;
      console.warn(`entrepot: segment ${number} of ${layout.digest} was not copied: ${message}`);
    }
  }
}
