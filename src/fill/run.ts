// A run: what a blob's object does from the first question for it until it is published or given up.

import type { Digest } from "../oci/digest.ts";
import { algorithmOf } from "../oci/digest.ts";
import { RegistryError } from "../oci/error.ts";
import { digestOf } from "../oci/hash.ts";
import type { Source } from "../policy/source.ts";
import type { BlobStore } from "../store/blobs.ts";
import { type Layout, SEGMENT } from "../store/segments.ts";
import type { UpstreamClient } from "../upstream/client.ts";
import { isRefusal } from "../upstream/refusal.ts";
import { Attempt, Mismatch, type Plan } from "./attempt.ts";
import { budget, type Lease } from "./budget.ts";
import { Fetcher, type Reply } from "./fetcher.ts";
import { Lanes } from "./lanes.ts";
import { News } from "./news.ts";
import { Sources } from "./sources.ts";
import { fetchSegment, StartOver } from "./transfer.ts";

/** How often a run may start over before it gives up. */
const MOST_RESTARTS = 2;
/** Beside the upstream's silence, what a holder of budget may need for its put into R2, in ms. */
const PUT_PATIENCE = 60_000;
/** How long whoever asks first waits for a place among the buffers, in ms. */
const BUDGET_WAIT = 30_000;

/** What the object remembers across a reset. */
export interface Memory {
  plan(): Promise<Plan | undefined>;
  keepPlan(plan: Plan | undefined): Promise<void>;
}

export class Run {
  readonly news = new News();
  readonly sources = new Sources();
  attempt: Attempt | undefined;
  published: Layout | undefined;
  failure: { error: unknown } | undefined;
  /** It was published before the run began: a Worker raced with an earlier one. */
  found = false;
  /** What the failure was: other bytes than promised, or the upstream's refusal of every source. */
  mismatched = false;
  refused = false;
  /** Ends when the run does; never rejects: the failure is in `failure`. */
  readonly ended: Promise<void>;

  readonly #digest: Digest;
  readonly #blobs: BlobStore;
  readonly #memory: Memory;
  readonly #fetcher: Fetcher;
  readonly #source: Source;
  /** On one connection, without ranges: after a mismatch, in case the pieces came from different places. */
  readonly #plain: boolean;

  constructor(
    digest: Digest,
    sources: readonly Source[],
    plain: boolean,
    blobs: BlobStore,
    upstream: UpstreamClient,
    memory: Memory,
  ) {
    this.#digest = digest;
    this.#blobs = blobs;
    this.#memory = memory;
    this.#plain = plain;
    for (const source of sources) this.sources.add(source);
    this.#source = sources[0] as Source;
    this.#fetcher = new Fetcher(upstream, this.sources, digest, () => this.news.tell());
    this.ended = this.#work().catch((error) => this.#fail(error));
  }

  async #work(): Promise<void> {
    this.published = await this.#blobs.layout(this.#digest);
    this.found = this.published !== undefined;
    for (let restarts = 0; !this.published; restarts++) {
      try {
        this.published = await this.#try();
      } catch (error) {
        const again = error instanceof StartOver && restarts < MOST_RESTARTS;
        if (error instanceof StartOver || error instanceof Mismatch) await this.#discard();
        if (!again) throw error;
      }
    }
    this.news.tell();
  }

  #fail(error: unknown): void {
    this.mismatched = error instanceof Mismatch;
    this.refused = isRefusal(error);
    // A refusal is the upstream's answer, and the client's to hear; the rest is for whoever runs this.
    if (!this.refused)
      console.error(`entrepot: fetching ${this.#digest} failed: ${(error as Error).message}`);
    this.failure = { error: told(error) };
    this.news.tell();
  }

  async #discard(): Promise<void> {
    const id = this.attempt?.id ?? (await this.#memory.plan())?.attempt;
    this.attempt = undefined;
    this.news.tell();
    await this.#memory.keepPlan(undefined);
    if (id) await this.#blobs.deleteAttempt(this.#digest, id);
  }

  async #try(): Promise<Layout> {
    const plan = await this.#memory.plan();
    const attempt = plan && new Attempt(this.#digest, plan, true, this.#blobs, this.news);
    if (plan) await this.#memory.keepPlan(plan); // has the alarm hold this run too
    await attempt?.recover();
    const number = attempt ? attempt.peek() : 0;
    if (attempt && number === undefined) return this.#finish(attempt);
    const lease = await budget.lease(SEGMENT, this.#patience, BUDGET_WAIT);
    try {
      return await this.#fetch(attempt, number ?? 0, lease);
    } finally {
      lease.release(); // where it was handed on, it has been released already
    }
  }

  async #fetch(resumed: Attempt | undefined, number: number, lease: Lease): Promise<Layout> {
    const reply = await this.#open(number, resumed?.size);
    if (reply.kind === "none") throw new StartOver("the upstream has no such range");
    const size =
      reply.kind === "part" ? reply.total : (reply.size ?? (await this.#fetcher.size()) ?? null);
    const continues = resumed && reply.kind === "part" && reply.total === resumed.size;
    if (resumed && !continues) {
      await this.#discard();
      if (reply.kind === "part") {
        reply.body.cancel();
        throw new StartOver("the upstream tells another length than before");
      }
    }
    if (size !== null && size <= SEGMENT && !continues) return this.#whole(reply, size, lease);
    const attempt = continues ? resumed : await this.#begin(size, reply.kind === "part");
    this.attempt = attempt;
    this.news.tell();
    const { connections } = this.#source.rule;
    const lanes = new Lanes(attempt, this.#fetcher, connections, this.#patience);
    const opening = { number, body: reply.body, lease };
    if (reply.kind === "part") {
      attempt.takeThis(number);
      await lanes.byRanges(opening);
    } else await lanes.inOrder(opening);
    return this.#finish(attempt);
  }

  /** The first answer. It asks for one segment: that tells whether there are ranges, and how much there is. */
  async #open(number: number, size: number | null | undefined): Promise<Reply> {
    if (this.#plain && number === 0) return this.#fetcher.ask();
    const first = number * SEGMENT;
    const last = Math.min(first + SEGMENT, size ?? Infinity) - 1;
    const reply = await this.#fetcher.ask({ first, last });
    // An empty blob has no range at all; a server that mishandles ranges is asked without.
    return reply.kind === "none" ? this.#fetcher.ask() : reply;
  }

  async #begin(size: number | null, ranges: boolean): Promise<Attempt> {
    const plan: Plan = { attempt: crypto.randomUUID().slice(0, 8), size };
    // What must survive a reset is stored before the first segment relies on it.
    await this.#memory.keepPlan(plan);
    return new Attempt(this.#digest, plan, ranges, this.#blobs, this.news);
  }

  /** A blob of a single segment: kept in memory until it is verified, then visible at once. */
  async #whole(
    reply: Exclude<Reply, { kind: "none" }>,
    size: number,
    lease: Lease,
  ): Promise<Layout> {
    lease.shrink(size);
    const partial = { buffer: new Uint8Array(size), have: 0 };
    if (size > 0) await fetchSegment(this.#fetcher, 0, size, partial, lease, new Set(), reply.body);
    const actual = digestOf(partial.buffer, algorithmOf(this.#digest));
    if (actual !== this.#digest)
      throw new Mismatch(`${size} bytes came, but they hash to ${actual}`);
    await this.#blobs.publishWhole(this.#digest, partial.buffer);
    return { digest: this.#digest, size, attempt: "whole" };
  }

  async #finish(attempt: Attempt): Promise<Layout> {
    this.attempt = attempt;
    await attempt.verify();
    const layout = { digest: this.#digest, size: attempt.size as number, attempt: attempt.id };
    await this.#blobs.publish(layout);
    // Told before the first segment leaves its old place: followers then look for it in the head.
    this.published = layout;
    this.news.tell();
    await this.#blobs.deleteSegment(layout.digest, layout.attempt, 0);
    return layout;
  }

  get #patience(): number {
    const { silenceTimeout, firstByteTimeout } = this.#source.rule;
    return silenceTimeout + firstByteTimeout + PUT_PATIENCE;
  }
}

/** What clients are told of a failure. */
function told(error: unknown): unknown {
  if (error instanceof Mismatch) {
    return new RegistryError(
      "UNAVAILABLE",
      "the upstream sent other bytes than the digest promises; nothing was kept",
    );
  }
  if (error instanceof StartOver) return new RegistryError("UNAVAILABLE", error.message);
  return error;
}
