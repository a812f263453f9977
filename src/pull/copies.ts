// Edge copies: puts segments that a response read from R2 into the edge cache, with a read of their own, so that neither a slow
// client delays a copy nor a copy delays a client.

import { Budget } from "../fill/blob/budget.ts";
import { within } from "../platform/deadline.ts";
import { type Layout, SEGMENT, segmentLength } from "../store/segments.ts";
import type { ReadVisit } from "../store/visit.ts";
import type { PullServices } from "./services.ts";

/** Delay before the first copy, in ms. Most responses are over by then, and clients take precedence over copies. */
const COPY_DELAY = 1000;
/** Memory bound for all copies in one isolate, in bytes: one segment and the edge cache's own copy of it. Separate from the fills'
 * budget, because fills take precedence over copies. */
const budget = new Budget(2 * SEGMENT);
/** Timeouts for waiting for the budget and for making one copy, in ms. On expiry the copy is left to the next pull. */
const COPY_QUEUE_TIMEOUT = 15_000;
const COPY_TIMEOUT = 20_000;
const MAX_QUEUED_COPIES = 50;

export class Copies {
  readonly #services: PullServices;
  readonly #visit: ReadVisit;
  readonly #wanted: number[] = [];
  #wake: () => void = () => {};

  constructor(services: PullServices, visit: ReadVisit) {
    this.#services = services;
    this.#visit = visit;
  }

  /** Queues segment `number`, which was read from R2, for copying. */
  want(number: number): void {
    this.#wanted.push(number);
    this.#wake();
  }

  /** Makes the queued copies one at a time until the response is over and the queue is empty. `layout` returns the blob's layout
   * once it is published. */
  async follow(answer: Promise<unknown>, layout: () => Layout | undefined): Promise<void> {
    let over = false;
    const ended = answer
      .catch(() => {}) // reported by the sender of the response
      .then(() => {
        over = true;
        this.#wake();
      });
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, COPY_DELAY))]);
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
    if (budget.waiting >= MAX_QUEUED_COPIES) return; // left to a later pull
    if (!blobs.claimCopy(layout, number, this.#visit)) return;
    try {
      const lease = await budget.lease(
        2 * segmentLength(layout.size, number),
        "small",
        COPY_QUEUE_TIMEOUT,
      );
      try {
        const copied = blobs.copy(layout, number, this.#visit);
        if (await within(copied, COPY_TIMEOUT)) served.copy();
      } finally {
        lease.release();
      }
    } catch (error) {
      blobs.unclaimCopy(layout, number, this.#visit);
      const { message } = error as Error;
      console.warn(
        `entrepot: segment ${number} of ${layout.digest} was not copied to the edge cache: ${message}`,
      );
    }
  }
}
