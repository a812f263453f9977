// The runs of a blob's object: one that is saved, and resumed after a reset, and for each other origin that is asked for the blob
// meanwhile, or later, one that proves that it has the bytes.

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
import { KEEP, type Saved, type SavedFill } from "./saved.ts";
import { broken } from "./wait.ts";

/** When a fill that has stored nothing yet is given to the alarm, in ms. Most are over by then, and cost no alarm. */
const HOLD_LATEST = 5_000;
/** When the alarm tries again what failed while nobody asked, in ms; after that only a new request does. */
export const RETRIES = [20_000, 60_000, 180_000];

interface Parts {
  blobs: BlobStore;
  upstream: UpstreamClient;
  saved: SavedFill;
  memory: NegativeCache;
  proofs: Proofs;
  tally: FillTally;
}

export class BlobRuns {
  readonly #parts: Parts;
  #kept: Run | undefined;
  /** The run, of those that were kept, that mends. */
  #mending: Run | undefined;
  readonly #others = new Map<string, Run>();
  #publishing: Promise<unknown> = Promise.resolve();
  /** Origins whose next run does without ranges: they brought a mismatch, or no end. */
  readonly #plain = new Set<string>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** The run that is saved. */
  get kept(): Run | undefined {
    return this.#kept;
  }

  get isIdle(): boolean {
    return !this.#kept && this.#others.size === 0;
  }

  /** That of the source's origin. A repository that is linked may have the bytes of a run that mends what was verified before; not of
   * another origin's first run, which may bring anything, or never end. */
  of(source: Source, linked: boolean): Run | undefined {
    const origin = originOf(source.rule);
    const own = this.#kept?.origin === origin ? this.#kept : this.#others.get(origin);
    return own ?? (linked && this.#kept === this.#mending ? this.#kept : undefined);
  }

  /** That of another origin, beside the one that is saved. */
  other(source: Source): Run | undefined {
    return this.#others.get(originOf(source.rule));
  }

  /** The run that is making `attempt`, resumed if the object was reset; undefined where it has ended. A follower never begins another:
   * what it has sent is of that attempt, or of none. */
  async followed(digest: Digest, source: Source, attempt: string): Promise<Run | undefined> {
    if (attempt === PROOF) return this.#proofFor(digest, source);
    const others = [...this.#others.values()];
    const run = others.find((other) => other.attempt?.id === attempt) ?? this.#kept;
    if (run) return run;
    const saved = await this.#parts.saved.get();
    if (this.#kept || saved?.plan?.attempt !== attempt) return this.#kept;
    return this.resume(saved);
  }

  /** Undefined where the repository has become linked, and may read what is published. What a proof's follower has sent is of the
   * published blob: after a reset another proof may go on with it. */
  async #proofFor(digest: Digest, source: Source): Promise<Run | undefined> {
    const { proofs, blobs } = this.#parts;
    const running = this.other(source);
    if (running || (await proofs.isProved(digest, source))) return running;
    const layout = await blobs.layout(digest);
    if (!layout) throw broken();
    return this.other(source) ?? this.prove(digest, source, layout);
  }

  /** A fill: saved, unless another origin's is already. What another origin's has stored before it failed is that one's alone: going on
   * with it would give its bytes to repositories that were not given them. */
  async begin(digest: Digest, source: Source): Promise<{ run: Run; began: boolean }> {
    const saved = this.#kept ? undefined : await this.#parts.saved.get();
    const begun = this.of(source, false); // meanwhile
    if (begun) return { run: begun, began: false };
    const isOthers = saved?.plan && originOfSaved(saved) !== originOf(source.rule);
    const isBeside = this.#kept !== undefined || isOthers;
    const run = isBeside ? this.prove(digest, source) : this.start(digest, [source]);
    return { run, began: true };
  }

  /** A segment of a published blob is fetched again, after `prepare`. */
  mend({ digest, attempt, size }: Layout, source: Source, prepare: () => Promise<void>): void {
    const plan = { attempt, size };
    this.#mending = this.start(digest, [source], 0, async () => {
      await this.#parts.saved.save({ digest, sources: [source], plan, failures: 0 });
      await prepare();
    });
  }

  /** What was saved before a reset goes on. */
  resume({ digest, sources, failures, answered = [] }: Saved): Run {
    const origin = originOfSaved({ sources });
    // An earlier version saved sources of several origins together.
    const own = sources.filter(({ rule }) => originOf(rule) === origin);
    const run = this.start(digest, own, failures);
    run.sources.restore(answered);
    return run;
  }

  /** @param failures how often the fill has failed since the last request for it
   * @param prepare what the run has to do first */
  start(
    digest: Digest,
    sources: readonly Source[],
    failures = 0,
    prepare?: () => Promise<void>,
  ): Run {
    const { saved, blobs } = this.#parts;
    const keepPlan = (plan: Plan | undefined) =>
      saved.save({ ...savedOf(run, digest, failures), ...(plan && { plan }) });
    const memory = { plan: async () => (await saved.get())?.plan, keepPlan };
    const store = publishingOnce(blobs, (work) => this.#inTurn(work), true);
    const run = this.#run({ digest, sources, blobs: store, memory, ...(prepare && { prepare }) });
    this.#kept = run;
    // A fill that is not over in a moment is held by the alarm, from before its first answer on.
    const hold = setTimeout(() => this.#hold(run, digest, failures), HOLD_LATEST);
    this.#whenEnded(run, digest, async () => {
      clearTimeout(hold);
      await this.#settle(run, digest);
    });
    return run;
  }

  /** A run of an origin that has not delivered the bytes yet: compared with what is published, or beside the fill of another. It is not
   * saved: a follower has it begin again when the object is reset.
   * @param compared where the blob is published */
  prove(digest: Digest, source: Source, compared?: Layout): Run {
    const { blobs, memory, saved } = this.#parts;
    const store = compared
      ? comparingWith(blobs, compared)
      : publishingOnce(blobs, (work) => this.#inTurn(work), false);
    const unsaved = { plan: async () => undefined, keepPlan: async () => {} };
    const run = this.#run({ digest, sources: [source], blobs: store, memory: unsaved });
    this.#others.set(run.origin, run);
    this.#whenEnded(run, digest, async () => {
      if (this.#others.get(run.origin) === run) this.#others.delete(run.origin);
      this.#noted(run);
      run.sources.remember(memory);
      await this.#recordAll(run, digest);
      if (run.published && !run.compared)
        await saved.tell(run.published, (await saved.get()) ?? savedOf(run, digest, 0));
    });
    return run;
  }

  #run(options: Omit<RunOptions, "plain" | "upstream">): Run {
    const { upstream, tally } = this.#parts;
    const [first] = options.sources as [Source];
    const plain = this.#plain.has(originOf(first.rule));
    const run = new Run({ ...options, plain, upstream });
    tally.filling(options.digest, run.ended);
    return run;
  }

  #whenEnded(run: Run, digest: Digest, work: () => Promise<void>): void {
    run.ended.then(work).catch((error) => {
      console.error(`entrepot: a run of ${digest} was not put away: ${(error as Error).message}`);
    });
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#publishing.then(work, work);
    this.#publishing = turn.catch(() => {}); // the run that publishes is told
    return turn;
  }

  async #hold(run: Run, digest: Digest, failures: number): Promise<void> {
    const { saved } = this.#parts;
    try {
      const before = await saved.get();
      if (this.#kept !== run || run.failure || run.published) return;
      await saved.save(before ?? savedOf(run, digest, failures));
    } catch (error) {
      console.error(`entrepot: the fill of ${digest} is not held: ${(error as Error).message}`);
    }
  }

  #noted(run: Run): void {
    if (run.mismatch) this.#parts.tally.unverified(...run.mismatch);
    if (run.failure && run.plain) this.#plain.add(run.origin);
    else this.#plain.delete(run.origin);
  }

  /** That the bytes came is recorded for all that the upstream gave something, or confirmed it. */
  async #recordAll(run: Run, digest: Digest): Promise<void> {
    if (!run.published || run.found) return;
    const { proofs } = this.#parts;
    for (const source of run.sources.allAnswered()) await proofs.record(digest, source, "bytes");
    for (const source of run.confirmed) await proofs.record(digest, source, "word");
  }

  /** After success the object empties itself; after a failure it keeps what it has for the next try. */
  async #settle(run: Run, digest: Digest): Promise<void> {
    const { saved, memory } = this.#parts;
    // At once, and before anything is awaited: a client that is told of the failure and asks again starts anew.
    if (run.failure) this.#kept = undefined;
    this.#noted(run);
    run.sources.remember(memory);
    await this.#recordAll(run, digest);
    const before = await saved.get();
    if (this.#kept && this.#kept !== run) return; // the next run has begun, and saves what is its own
    if (run.published && (before || !run.found)) {
      const isTold = await saved.tell(run.published, before ?? savedOf(run, digest, 0));
      if (this.#kept && this.#kept !== run) return;
      if (!isTold) {
        this.#kept = undefined;
        return;
      }
    }
    if (!run.failure || !before?.plan) {
      // Not remembered here: whether a blob exists is R2's to say, also after it was deleted.
      this.#kept = undefined;
      return saved.empty();
    }
    const failures = run.refused ? RETRIES.length : before.failures;
    await saved.save({ ...before, failures: failures + 1 }, RETRIES[failures] ?? KEEP);
  }
}

function originOfSaved({ sources }: Pick<Saved, "sources">): string {
  return originOf((sources[0] as Source).rule);
}

function savedOf(run: Run, digest: Digest, failures: number): Saved {
  const answered = run.sources.allAnswered().map(sourceKey);
  return { digest, sources: run.sources.all(), answered, failures };
}
