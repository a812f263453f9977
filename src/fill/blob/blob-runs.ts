// Runs of a blob's object: one that is saved and resumed after a reset, and for each other origin one that proves it has the bytes.

import type { Digest } from "../../oci/digest.ts";
import { originOf, type Source, sourceKey } from "../../policy/source.ts";
import type { BlobStore } from "../../store/blobs.ts";
import type { Layout } from "../../store/segments.ts";
import type { UpstreamClient } from "../../upstream/client/client.ts";
import type { NegativeCache } from "../shared/negative-cache.ts";
import type { Proofs } from "../shared/proofs.ts";
import type { FillTally } from "../shared/tally.ts";
import type { Plan } from "./attempt.ts";
import { Run, type RunOptions } from "./run.ts";
import { comparingWith, PROOF, publishingOnce } from "./run-store.ts";
import { RETENTION, type Saved, type SavedFill } from "./saved.ts";
import { broken } from "./wait.ts";

/** Age in ms at which a fill is saved for the alarm if it has saved nothing yet. Most fills end before, and cost no alarm. */
const SAVE_DELAY = 5_000;
/** Delays in ms before the alarm's retries of a failed fill; after the last, only a new request tries again. */
export const RETRY_DELAYS = [20_000, 60_000, 180_000];

interface RunsContext {
  blobs: BlobStore;
  upstream: UpstreamClient;
  saved: SavedFill;
  refusals: NegativeCache;
  proofs: Proofs;
  tally: FillTally;
}

export class BlobRuns {
  readonly #context: RunsContext;
  #kept: Run | undefined;
  /** The saved run that mends a published blob. */
  #mending: Run | undefined;
  readonly #others = new Map<string, Run>();
  #publishing: Promise<unknown> = Promise.resolve();
  /** Origins whose next run uses no ranges: the last one ended in a mismatch or failed. */
  readonly #plain = new Set<string>();

  constructor(context: RunsContext) {
    this.#context = context;
  }

  /** The saved run. */
  get kept(): Run | undefined {
    return this.#kept;
  }

  get isIdle(): boolean {
    return !this.#kept && this.#others.size === 0;
  }

  /** The run of the source's origin. A linked repository may also join another origin's run that mends, since its bytes were verified
   * before; but not another origin's first run, which may deliver anything, or never end. */
  of(source: Source, linked: boolean): Run | undefined {
    const origin = originOf(source.rule);
    const own = this.#kept?.origin === origin ? this.#kept : this.#others.get(origin);
    return own ?? (linked && this.#kept === this.#mending ? this.#kept : undefined);
  }

  /** The unsaved run of the source's origin. */
  other(source: Source): Run | undefined {
    return this.#others.get(originOf(source.rule));
  }

  /** The run of `attempt`, resumed after a reset of the object; undefined if it has ended. Never starts another: only that attempt can
   * continue the bytes that the follower has sent. */
  async followed(digest: Digest, source: Source, attempt: string): Promise<Run | undefined> {
    if (attempt === PROOF) return this.#proofFor(digest, source);
    const others = [...this.#others.values()];
    const run = others.find((other) => other.attempt?.id === attempt) ?? this.#kept;
    if (run) return run;
    const saved = await this.#context.saved.get();
    if (this.#kept || saved?.plan?.attempt !== attempt) return this.#kept;
    return this.resume(saved);
  }

  /** The proof run of the source's origin; undefined if the repository is linked by now and may read the published blob.
   * The follower's bytes are the published blob's, so after a reset a new proof can continue them. */
  async #proofFor(digest: Digest, source: Source): Promise<Run | undefined> {
    const { proofs, blobs } = this.#context;
    const running = this.other(source);
    if (running || (await proofs.isProved(digest, source))) return running;
    const layout = await blobs.layout(digest);
    if (!layout) throw broken();
    return this.other(source) ?? this.prove(digest, source, layout);
  }

  /** Starts a fill, which is saved unless another origin's is. Segments that another origin's failed fill has stored stay with it:
   * continuing it would give its bytes to repositories that did not receive them. */
  async begin(digest: Digest, source: Source): Promise<{ run: Run; began: boolean }> {
    const saved = this.#kept ? undefined : await this.#context.saved.get();
    const begun = this.of(source, false); // while the storage was read
    if (begun) return { run: begun, began: false };
    const isOthers = saved?.plan && originOfSaved(saved) !== originOf(source.rule);
    const isBeside = this.#kept !== undefined || isOthers;
    const run = isBeside ? this.prove(digest, source) : this.start(digest, [source]);
    return { run, began: true };
  }

  /** Starts a run that fetches the missing segments of a published blob, after `prepare`. */
  mend({ digest, attempt, size }: Layout, source: Source, prepare: () => Promise<void>): void {
    const plan = { attempt, size };
    this.#mending = this.start(digest, [source], 0, async () => {
      await this.#context.saved.save({ digest, sources: [source], plan, failures: 0 });
      await prepare();
    });
  }

  /** Resumes the fill that was saved before a reset. */
  resume({ digest, sources, failures, answered = [] }: Saved): Run {
    const origin = originOfSaved({ sources });
    // Earlier versions saved sources of several origins together.
    const own = sources.filter(({ rule }) => originOf(rule) === origin);
    const run = this.start(digest, own, failures);
    run.sources.restore(answered);
    return run;
  }

  /** @param failures failed runs since the last request for the blob
   * @param prepare work to do first */
  start(
    digest: Digest,
    sources: readonly Source[],
    failures = 0,
    prepare?: () => Promise<void>,
  ): Run {
    const { saved, blobs } = this.#context;
    const keepPlan = (plan: Plan | undefined) =>
      saved.save({ ...savedOf(run, digest, failures), ...(plan && { plan }) });
    const memory = { plan: async () => (await saved.get())?.plan, keepPlan };
    const store = publishingOnce(blobs, (work) => this.#inTurn(work), true);
    const run = this.#run({ digest, sources, blobs: store, memory, ...(prepare && { prepare }) });
    this.#kept = run;
    // A fill that takes longer than a moment is held by the alarm, even before its first answer.
    const hold = setTimeout(() => this.#hold(run, digest, failures), SAVE_DELAY);
    this.#whenEnded(run, digest, async () => {
      clearTimeout(hold);
      await this.#settle(run, digest);
    });
    return run;
  }

  /** Starts a run that makes the origin deliver the bytes, compared with the published blob or beside another origin's fill. It is not
   * saved: after a reset its followers start it again.
   * @param compared the published blob, if there is one */
  prove(digest: Digest, source: Source, compared?: Layout): Run {
    const { blobs, refusals, saved } = this.#context;
    const store = compared
      ? comparingWith(blobs, compared)
      : publishingOnce(blobs, (work) => this.#inTurn(work), false);
    const unsaved = { plan: async () => undefined, keepPlan: async () => {} };
    const run = this.#run({ digest, sources: [source], blobs: store, memory: unsaved });
    this.#others.set(run.origin, run);
    this.#whenEnded(run, digest, async () => {
      if (this.#others.get(run.origin) === run) this.#others.delete(run.origin);
      this.#noteOutcome(run);
      run.sources.remember(refusals);
      await this.#recordAll(run, digest);
      if (run.published && !run.compared)
        await saved.tell(run.published, (await saved.get()) ?? savedOf(run, digest, 0));
    });
    return run;
  }

  #run(options: Omit<RunOptions, "plain" | "upstream">): Run {
    const { upstream, tally } = this.#context;
    const [first] = options.sources as [Source];
    const plain = this.#plain.has(originOf(first.rule));
    const run = new Run({ ...options, plain, upstream });
    tally.filling(options.digest, run.ended);
    return run;
  }

  #whenEnded(run: Run, digest: Digest, work: () => Promise<void>): void {
    run.ended.then(work).catch((error) => {
      console.error(
        `entrepot: cleanup after fetching ${digest} failed: ${(error as Error).message}`,
      );
    });
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#publishing.then(work, work);
    this.#publishing = turn.catch(() => {}); // the publishing run gets the error
    return turn;
  }

  async #hold(run: Run, digest: Digest, failures: number): Promise<void> {
    const { saved } = this.#context;
    try {
      const before = await saved.get();
      if (this.#kept !== run || run.failure || run.published) return;
      await saved.save(before ?? savedOf(run, digest, failures));
    } catch (error) {
      console.error(`entrepot: saving the fill of ${digest} failed: ${(error as Error).message}`);
    }
  }

  #noteOutcome(run: Run): void {
    if (run.mismatch) this.#context.tally.unverified(...run.mismatch);
    if (run.failure && run.plain) this.#plain.add(run.origin);
    else this.#plain.delete(run.origin);
  }

  /** Records a proof for all sources that the upstream delivered to or confirmed. */
  async #recordAll(run: Run, digest: Digest): Promise<void> {
    if (!run.published || run.found) return;
    const { proofs } = this.#context;
    for (const source of run.sources.allAnswered()) await proofs.record(digest, source, "bytes");
    for (const source of run.confirmed) await proofs.record(digest, source, "word");
  }

  /** Ends the saved run: after success the object's storage is emptied; after a failure it is kept for a retry. */
  async #settle(run: Run, digest: Digest): Promise<void> {
    const { saved, refusals } = this.#context;
    // Before the first await: a client that sees the failure and asks again starts a new run.
    if (run.failure) this.#kept = undefined;
    this.#noteOutcome(run);
    run.sources.remember(refusals);
    await this.#recordAll(run, digest);
    const before = await saved.get();
    if (this.#kept && this.#kept !== run) return; // the next run has begun, and saves its own state
    if (run.published && (before || !run.found)) {
      const isTold = await saved.tell(run.published, before ?? savedOf(run, digest, 0));
      if (this.#kept && this.#kept !== run) return;
      if (!isTold) {
        this.#kept = undefined;
        return;
      }
    }
    if (!run.failure || !before?.plan) {
      // Not remembered here: R2 alone says whether a blob exists, also after a deletion.
      this.#kept = undefined;
      return saved.empty();
    }
    const failures = run.refused ? RETRY_DELAYS.length : before.failures;
    await saved.save({ ...before, failures: failures + 1 }, RETRY_DELAYS[failures] ?? RETENTION);
  }
}

function originOfSaved({ sources }: Pick<Saved, "sources">): string {
  return originOf((sources[0] as Source).rule);
}

function savedOf(run: Run, digest: Digest, failures: number): Saved {
  const answered = run.sources.allAnswered().map(sourceKey);
  return { digest, sources: run.sources.all(), answered, failures };
}
