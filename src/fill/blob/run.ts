// A run: what a blob's object does from the first question for it until it is published or given up. A run has rounds:
// each is one way from an answer of the upstream to a verified blob, and one that cannot be continued starts over.

import type { Digest } from "../../oci/digest.ts";
import { RegistryError } from "../../oci/error.ts";
import { originOf, type Source } from "../../policy/source.ts";
import type { Layout } from "../../store/segments.ts";
import type { UpstreamClient } from "../../upstream/client/client.ts";
import { isKnown, isRefusal } from "../../upstream/client/refusal.ts";
import { Signal } from "../shared/signal.ts";
import { Sources } from "../shared/sources.ts";
import type { Attempt, Plan } from "./attempt.ts";
import { Fetcher } from "./fetcher.ts";
import { Round } from "./round.ts";
import { Mismatch, type RunStore } from "./run-store.ts";
import { StartOver } from "./transfer.ts";

/** How often a run may start over before it gives up. */
const MOST_RESTARTS = 2;

/** So many bytes, within a joiner's patience, show that a blob is coming. */
const MOVING = 64 * 1024;

/** What the object remembers across a reset. */
export interface RunMemory {
  plan(): Promise<Plan | undefined>;
  keepPlan(plan: Plan | undefined): Promise<void>;
}

export interface RunOptions {
  digest: Digest;
  /** Of one origin, at least one: what one has delivered proves nothing of another. */
  sources: readonly Source[];
  /** On one connection, without ranges. */
  plain: boolean;
  blobs: RunStore;
  upstream: UpstreamClient;
  memory: RunMemory;
  /** What has to be done first. */
  prepare?: () => Promise<void>;
}

export class Run {
  /** Whose upstream is asked (policy/source). */
  readonly origin: string;
  /** The published blob that its bytes are compared with, where it only proves that its origin has them. */
  readonly compared: Layout | undefined;
  readonly news = new Signal();
  readonly sources = new Sources();
  /** Repositories of the origin that were given nothing in this run, and have confirmed by the upstream's word that they have it. */
  readonly confirmed = new Set<Source>();
  attempt: Attempt | undefined;
  published: Layout | undefined;
  failure: { error: unknown } | undefined;
  /** When bytes worth speaking of came last, in ms since the epoch, and how many have since. */
  #movedAt = 0;
  #since = 0;
  /** It was published before the run began: a Worker raced with an earlier one. */
  found = false;
  /** The failure was the upstream's refusal of every source. */
  refused = false;
  /** What came did not hash to the digest. */
  mismatch: [source: Source, digest: Digest, what: string] | undefined;
  /** Ends when the run does; never rejects: the failure is in `failure`. */
  readonly ended: Promise<void>;

  readonly #digest: Digest;
  readonly #blobs: RunStore;
  readonly #memory: RunMemory;
  readonly #fetcher: Fetcher;
  readonly #round: Round;
  #plain: boolean;

  constructor({ digest, sources, plain, blobs, upstream, memory, prepare }: RunOptions) {
    this.#digest = digest;
    this.#blobs = blobs;
    this.#memory = memory;
    this.#plain = plain;
    this.compared = blobs.compared;
    this.origin = originOf((sources[0] as Source).rule);
    for (const source of sources) this.sources.add(source);
    const { rule } = sources[0] as Source;
    this.#fetcher = new Fetcher(upstream, this.sources, digest, {
      failed: () => this.news.tell(),
      moved: (bytes) => this.#moved(bytes),
    });
    const keepPlan = (plan: Plan | undefined) => memory.keepPlan(plan);
    this.#round = new Round({
      digest,
      rule,
      blobs,
      fetcher: this.#fetcher,
      keepPlan,
      news: this.news,
    });
    this.ended = this.#work(prepare).catch((error) => this.#fail(error));
  }

  /** Whether the next run had better do without ranges: the pieces came from different places, or not at all. */
  get plain(): boolean {
    return this.#plain;
  }

  /** Whether bytes are coming: somebody who has waited for `patience` ms had better go elsewhere if they are not. */
  isMoving(patience: number): boolean {
    return Date.now() - this.#movedAt < patience;
  }

  #moved(bytes: number): void {
    this.#since += bytes;
    if (this.#since < MOVING) return;
    this.#since = 0;
    this.#movedAt = Date.now();
  }

  async #work(prepare?: () => Promise<void>): Promise<void> {
    await prepare?.();
    this.published = await this.#blobs.layout(this.#digest);
    this.found = this.published !== undefined;
    for (let restarts = 0; !this.published; restarts++) {
      try {
        await this.#playRound();
      } catch (error) {
        if (!(error instanceof StartOver || error instanceof Mismatch)) throw error;
        const isRead = this.#fetcher.readOtherwise();
        const again = (error instanceof StartOver || isRead) && restarts < MOST_RESTARTS;
        if (error instanceof Mismatch && !again)
          this.mismatch = [this.sources.all()[0] as Source, this.#digest, error.message];
        this.#plain = true;
        await this.#discard();
        if (!again) throw error;
      }
    }
    this.news.tell();
  }

  async #playRound(): Promise<void> {
    const layout = await this.#round.play(await this.#memory.plan(), this.#plain, (attempt) => {
      this.attempt = attempt;
      this.news.tell();
    });
    // Told before the first segment leaves its old place: followers then look for it in the head.
    this.published = layout;
    this.news.tell();
    if (this.attempt) await this.#blobs.deleteSegment(this.#digest, layout.attempt, 0);
    await this.#blobs.announce(layout);
  }

  #fail(error: unknown): void {
    this.refused = isRefusal(error);
    // A refusal is the upstream's answer, and the client's to hear; the rest is for whoever runs this.
    if (!isKnown(error)) {
      console.error(`entrepot: fetching ${this.#digest} failed: ${(error as Error).message}`);
    }
    this.failure = { error: told(error) };
    this.news.tell();
  }

  /** Forgets the attempt: first that there is one, then what it stored. */
  async #discard(): Promise<void> {
    const id = this.attempt?.id ?? (await this.#memory.plan())?.attempt;
    this.attempt = undefined;
    this.news.tell();
    await this.#memory.keepPlan(undefined);
    if (id) await this.#blobs.deleteAttempt(this.#digest, id);
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
