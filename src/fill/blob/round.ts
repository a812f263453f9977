// Round: from the upstream's first answer to a verified, published blob. Continues stored segments if the upstream
// does; otherwise ends with StartOver, and the next round begins from zero.

import type { Rule } from "../../config/rule.ts";
import { algorithmOf } from "../../oci/digest.ts";
import { digestOf } from "../../oci/hash.ts";
import { originOf } from "../../policy/source.ts";
import { type Layout, SEGMENT } from "../../store/segments.ts";
import { Attempt, type AttemptContext, type Plan } from "./attempt.ts";
import { budget, type Lease, SMALL_LEASE } from "./budget.ts";
import type { Fetcher, Reply } from "./fetcher.ts";
import { Lanes } from "./lanes.ts";
import { Mismatch, PROOF } from "./run-store.ts";
import { fetchSegment, StartOver } from "./transfer.ts";

type Opened = Exclude<Reply, { kind: "none" }>;

interface RoundContext extends AttemptContext {
  rule: Rule;
  fetcher: Fetcher;
  /** @param plan undefined where there is no attempt to resume, only a publication to report to the catalog */
  keepPlan(plan: Plan | undefined): Promise<void>;
}

export class Round {
  readonly #context: RoundContext;

  constructor(context: RoundContext) {
    this.#context = context;
  }

  /** @param plan of an earlier attempt
   * @param plain uses one connection and no ranges
   * @param onAttempt called with the attempt that clients can follow; a blob of one segment has none */
  async play(
    plan: Plan | undefined,
    plain: boolean,
    onAttempt: (attempt: Attempt) => void,
  ): Promise<Layout> {
    const { keepPlan, rule } = this.#context;
    // Buffers are waited for as long as the upstream may take to answer.
    const patience = rule.firstByteTimeout;
    const resumed = plan && new Attempt(this.#context, plan, true);
    if (resumed) {
      await keepPlan(plan); // so that the alarm holds this round too
      await resumed.recover();
      if (resumed.peek() === undefined) {
        onAttempt(resumed);
        return this.#publish(resumed);
      }
    }
    const number = resumed?.peek() ?? 0;
    const lease = await budget.lease(SMALL_LEASE, "small", patience, originOf(rule));
    try {
      const answer = await this.#open(number, resumed?.size, plain);
      if (resumed) this.#mustContinue(resumed, answer);
      const size = await this.#sizeOf(answer);
      await lease.grow(Math.min(size ?? SEGMENT, SEGMENT), patience).catch((error) => {
        answer.body.cancel();
        throw error;
      });
      if (!resumed && size !== null && size <= SEGMENT) return await this.#whole(answer, size);
      const attempt = resumed ?? (await this.#begin(size, answer.kind === "part"));
      onAttempt(attempt);
      await this.#fetch(attempt, number, answer, lease);
      return await this.#publish(attempt);
    } finally {
      lease.release(); // no effect if a lane has released it already
    }
  }

  /** First request, for one segment: its answer tells the size and whether there are ranges. */
  async #open(number: number, size: number | null | undefined, plain: boolean): Promise<Opened> {
    const { fetcher } = this.#context;
    const first = number * SEGMENT;
    const last = Math.min(first + SEGMENT, size ?? Number.POSITIVE_INFINITY) - 1;
    const ranged = plain && number === 0 ? undefined : await fetcher.open({ first, last });
    if (ranged && ranged.kind !== "none") return ranged;
    // An empty blob has no range, and some servers mishandle ranges: both are requested without one.
    const whole = await fetcher.open();
    if (whole.kind === "none")
      throw new StartOver("the upstream serves the blob neither with a range nor without");
    return whole;
  }

  #mustContinue(resumed: Attempt, answer: Opened): void {
    if (answer.kind === "part" && answer.total === resumed.size) return;
    answer.body.cancel();
    throw new StartOver("the upstream cannot resume the stored transfer");
  }

  async #sizeOf(answer: Opened): Promise<number | null> {
    if (answer.kind === "part") return answer.total;
    return answer.size ?? (await this.#context.fetcher.size(answer.source)) ?? null;
  }

  async #begin(size: number | null, ranges: boolean): Promise<Attempt> {
    const { blobs, keepPlan } = this.#context;
    const attempt = blobs.compared ? PROOF : crypto.randomUUID().slice(0, 8);
    const plan: Plan = { attempt, size };
    // Stored before the first segment, so that a reset can resume it.
    await keepPlan(plan);
    return new Attempt(this.#context, plan, ranges);
  }

  async #fetch(attempt: Attempt, number: number, answer: Opened, lease: Lease): Promise<void> {
    const { fetcher, rule } = this.#context;
    const lanes = new Lanes(attempt, fetcher, rule);
    const opening = { number, body: answer.body, lease };
    if (answer.kind === "whole") return lanes.inOrder(opening);
    attempt.takeThis(number);
    await lanes.byRanges(opening);
  }

  /** A blob of one segment: kept in memory until it is verified, then visible at once. */
  async #whole(answer: Opened, size: number): Promise<Layout> {
    const { digest, blobs, fetcher, keepPlan } = this.#context;
    // Stored while the bytes arrive, so that the catalog is informed even if the object dies right after publishing.
    const kept = keepPlan(undefined);
    const partial = { buffer: new Uint8Array(size), have: 0 };
    if (size === 0) answer.body.cancel();
    else await fetchSegment(fetcher, { number: 0, size, partial }, new Set(), answer.body);
    const actual = digestOf(partial.buffer, algorithmOf(digest));
    if (actual !== digest)
      throw new Mismatch(`received ${size} bytes, but their digest is ${actual}`);
    await kept;
    return blobs.publishWhole(digest, partial.buffer);
  }

  async #publish(attempt: Attempt): Promise<Layout> {
    const { digest, blobs } = this.#context;
    const twin = await attempt.verify();
    return blobs.publish(digest, attempt.size as number, attempt.id, twin);
  }
}
