// Run: fetches a blob from the first request for it until it is published or given up, in rounds. A round that cannot
// be continued is followed by one that starts over.

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

/** Maximum number of times that a run starts over. */
const MAX_RESTARTS = 2;

/** Bytes that have to arrive within a joiner's patience to count as progress. */
const MIN_PROGRESS = 64 * 1024;

/** State that survives a reset of the object. */
export interface RunMemory {
  plan(): Promise<Plan | undefined>;
  keepPlan(plan: Plan | undefined): Promise<void>;
}

export interface RunOptions {
  digest: Digest;
  /** Sources of one origin, at least one: one origin's delivery proves nothing about another. */
  sources: readonly Source[];
  /** Uses one connection and no ranges. */
  plain: boolean;
  blobs: RunStore;
  upstream: UpstreamClient;
  memory: RunMemory;
  /** Work to do first. */
  prepare?: () => Promise<void>;
}

export class Run {
  /** Origin that is fetched from (policy/source). */
  readonly origin: string;
  /** Published blob that the bytes are compared with, in a run that only proves its origin. */
  readonly compared: Layout | undefined;
  readonly signal = new Signal();
  readonly sources = new Sources();
  /** Sources that were delivered nothing in this run, and whose HEAD has confirmed the blob. */
  readonly confirmed = new Set<Source>();
  attempt: Attempt | undefined;
  published: Layout | undefined;
  failure: { error: unknown } | undefined;
  /** When MIN_PROGRESS bytes last arrived, in ms since the epoch, and the number of bytes since. */
  #movedAt = 0;
  #bytesSince = 0;
  /** The blob was published before the run began: a Worker raced with an earlier run. */
  found = false;
  /** The upstream refused every source. */
  refused = false;
  /** Source, digest and description of bytes that did not match the digest. */
  mismatch: [source: Source, digest: Digest, what: string] | undefined;
  /** Resolves when the run ends; never rejects, as errors go to `failure`. */
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
      failed: () => this.signal.notify(),
      moved: (bytes) => this.#moved(bytes),
    });
    const keepPlan = (plan: Plan | undefined) => memory.keepPlan(plan);
    this.#round = new Round({
      digest,
      rule,
      blobs,
      fetcher: this.#fetcher,
      keepPlan,
      signal: this.signal,
    });
    this.ended = this.#work(prepare).catch((error) => this.#fail(error));
  }

  /** Whether the next run should use no ranges: the pieces did not fit together, or did not arrive. */
  get plain(): boolean {
    return this.#plain;
  }

  /** Whether bytes arrived within the last `patience` ms; if not, a joiner should give up. */
  isMoving(patience: number): boolean {
    return Date.now() - this.#movedAt < patience;
  }

  #moved(bytes: number): void {
    this.#bytesSince += bytes;
    if (this.#bytesSince < MIN_PROGRESS) return;
    this.#bytesSince = 0;
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
        const asSent = this.#fetcher.toggleDecompression();
        const again = (error instanceof StartOver || asSent) && restarts < MAX_RESTARTS;
        if (error instanceof Mismatch && !again)
          this.mismatch = [this.sources.all()[0] as Source, this.#digest, error.message];
        this.#plain = true;
        await this.#discard();
        if (!again) throw error;
      }
    }
    this.signal.notify();
  }

  async #playRound(): Promise<void> {
    const layout = await this.#round.play(await this.#memory.plan(), this.#plain, (attempt) => {
      this.attempt = attempt;
      this.signal.notify();
    });
    // Set before segment 0 is deleted from its old key: followers then read it from the head object.
    this.published = layout;
    this.signal.notify();
    if (this.attempt) await this.#blobs.deleteSegment(this.#digest, layout.attempt, 0);
    await this.#blobs.announce(layout);
  }

  #fail(error: unknown): void {
    this.refused = isRefusal(error);
    // A refusal goes to the client; other errors are logged for the operator.
    if (!isKnown(error)) {
      console.error(`entrepot: fetching ${this.#digest} failed: ${(error as Error).message}`);
    }
    this.failure = { error: clientError(error) };
    this.signal.notify();
  }

  /** Discards the attempt: first the record of it, then its segments. */
  async #discard(): Promise<void> {
    const id = this.attempt?.id ?? (await this.#memory.plan())?.attempt;
    this.attempt = undefined;
    this.signal.notify();
    await this.#memory.keepPlan(undefined);
    if (id) await this.#blobs.deleteAttempt(this.#digest, id);
  }
}

/** The error that clients get for a failure. */
function clientError(error: unknown): unknown {
  if (error instanceof Mismatch) {
    return new RegistryError(
      "UNAVAILABLE",
      "the upstream sent content that does not match the digest; nothing was stored",
    );
  }
  if (error instanceof StartOver) return new RegistryError("UNAVAILABLE", error.message);
  return error;
}
