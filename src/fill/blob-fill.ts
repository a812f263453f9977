// BlobFill: the Durable Object, one per digest, that fetches a blob once for all who ask. It hands out news, never
// bytes: those are read from R2, segment by segment, while the rest is still coming.

import { DurableObject } from "cloudflare:workers";
import { openCatalog } from "../catalog/open.ts";
import type { Env } from "../env.ts";
import type { Digest } from "../oci/digest.ts";
import { type Outcome, settle } from "../oci/error.ts";
import type { Source } from "../policy/source.ts";
import { BlobStore } from "../store/blobs.ts";
import type { Layout } from "../store/segments.ts";
import { UpstreamClient } from "../upstream/client.ts";
import { openGate } from "../upstream/gate.ts";
import { admit } from "./admission.ts";
import { type Asking, patiently } from "./asking.ts";
import type { Plan } from "./attempt.ts";
import { sizeOf } from "./blob-size.ts";
import { broken, type Joined, joinedTo, lookForFollower, type Ready } from "./looks.ts";
import { Memory } from "./memory.ts";
import { type Removed, Removing } from "./removing.ts";
import { Run } from "./run.ts";
import { HOLD_AFTER, KEEP, SavedFill } from "./saved.ts";
import { Shared } from "./shared.ts";
import { tallyOf } from "./tally.ts";

/** When a fill that has stored nothing yet is given to the alarm, in ms. Most are over by then, and cost no alarm. */
const HOLD_LATEST = 5_000;
/** An alarm handler may run for 15 minutes; the next one takes over. */
const HOLD_FOR = 13 * 60_000;
/** When the alarm tries again what failed while nobody asked, in ms; after that only a new request does. */
const RETRIES = [20_000, 60_000, 180_000];

export class BlobFill extends DurableObject<Env> {
  readonly #blobs = new BlobStore(this.env.BLOBS, this.env.META);
  readonly #tally = tallyOf(this.env);
  readonly #upstream = new UpstreamClient(openGate(this.env.UPSTREAM_GATE), this.#tally);
  readonly #catalog = openCatalog(this.env);
  readonly #saved = new SavedFill(this.ctx.storage, this.#catalog);
  readonly #removing = new Removing();
  readonly #memory = new Memory();
  readonly #heads = new Shared<number | undefined>(this.#memory);
  #run: Run | undefined;
  /** The next run does without ranges: they brought a mismatch, or no end. */
  #plain = false;

  /** Starts the fill or joins it. Answers once the length is known; for a blob of one segment, once it is verified. */
  async join(digest: Digest, source: Source, asking: Asking): Promise<Outcome<Joined>> {
    return settle(async () => {
      await this.#removing.over();
      const run = this.#run;
      if (!run) {
        this.#memory.throwRecalled(source, Date.now());
        return this.#joined(this.#running(digest, source), digest, source, asking, true);
      }
      try {
        run.sources.add(source);
        return await this.#joined(run, digest, source, asking, false);
      } catch (error) {
        // What ended a run that another source had begun is not this one's: it has a run of its own.
        if (run.sources.errorOf(source) || run.sources.isFirst(source)) throw error;
        const began = this.#run === undefined;
        return this.#joined(this.#running(digest, source), digest, source, asking, began);
      }
    });
  }

  /** How large the blob is, by the upstream's HEAD, or its first byte where HEAD is deficient; undefined where neither
   * says. Starts no fill. */
  async head(digest: Digest, source: Source, asking: Asking): Promise<Outcome<number | undefined>> {
    return settle(() => patiently(this.#sizeTold(digest, source), source, asking));
  }

  #sizeTold(digest: Digest, source: Source): Promise<number | undefined> {
    return this.#heads.ask(source, () => sizeOf(this.#upstream, source, digest));
  }

  async #joined(
    run: Run,
    digest: Digest,
    source: Source,
    asking: Asking,
    began: boolean,
  ): Promise<Joined> {
    const joined = await joinedTo(run, source, asking, began);
    const confirm = () => patiently(this.#sizeTold(digest, source), source, asking);
    await admit(this.#catalog, run.sources, digest, source, asking, confirm);
    return joined;
  }

  /** Waits until segment `number` of that attempt can be read.
   * @param verified waits until the whole blob is verified and visible instead */
  async waitFor(
    digest: Digest,
    source: Source,
    attempt: string,
    number: number,
    verified: boolean,
  ): Promise<Outcome<Ready>> {
    return settle(async () => {
      const run = await this.#runOf(digest, source, attempt);
      if (!run) {
        const layout = await this.#blobs.layout(digest);
        if (layout?.attempt !== attempt) throw broken();
        return { segments: [], layout };
      }
      return run.news.until(() => lookForFollower(run, source, attempt, number, verified));
    });
  }

  /** The run that is making `attempt`, resumed if the object was reset. A follower never begins another: what he has
   * sent is of that attempt, or of none. */
  async #runOf(digest: Digest, source: Source, attempt: string): Promise<Run | undefined> {
    await this.#removing.over();
    if (!this.#run && (await this.#saved.get())?.plan?.attempt !== attempt) return this.#run;
    return this.#running(digest, source);
  }

  /** A segment of the published blob is missing or damaged: makes it an attempt again, which fetches what it lacks. */
  async mend(source: Source, layout: Layout): Promise<Outcome<void>> {
    return settle(async () => {
      await this.#removing.over();
      if (this.#run && !this.#run.published) return;
      console.error(
        `entrepot: a segment of ${layout.digest} is missing or damaged in R2; it is fetched again`,
      );
      // The mending is the run from its first step on: whoever asks meanwhile joins it.
      this.#start(layout.digest, [source], 0, async () => {
        const plan = { attempt: layout.attempt, size: layout.size };
        await this.#saved.save({ digest: layout.digest, sources: [source], plan, failures: 0 });
        await this.#blobs.unpublish(layout);
      });
    });
  }

  /** Holds the object while it fetches, resumes what a reset broke off, retries, and cleans up. */
  override async alarm(): Promise<void> {
    // First of all: should the object die in here, it wakes again.
    await this.ctx.storage.setAlarm(Date.now() + HOLD_AFTER);
    const saved = await this.#saved.get();
    if (!saved) return this.#saved.empty();
    if (!this.#run && saved.failures > RETRIES.length) {
      if (saved.plan) await this.#blobs.deleteAttempt(saved.digest, saved.plan.attempt);
      return this.#saved.empty();
    }
    const run = this.#run ?? this.#start(saved.digest, saved.sources, saved.failures);
    this.#tally.filling(saved.digest, run.ended);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const enough = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, HOLD_FOR);
    });
    await Promise.race([run.ended, enough]);
    clearTimeout(timer);
  }

  #running(digest: Digest, source: Source): Run {
    const run = this.#run ?? this.#start(digest, [source]);
    run.sources.add(source);
    return run;
  }

  /** @param failures how often the fill has failed since somebody asked
   * @param prepare what the run has to do first */
  #start(digest: Digest, sources: Source[], failures = 0, prepare?: () => Promise<void>): Run {
    const keepPlan = (plan: Plan | undefined) =>
      this.#saved.save({ digest, sources: run.sources.all(), failures, ...(plan && { plan }) });
    const memory = { plan: async () => (await this.#saved.get())?.plan, keepPlan };
    const run = new Run(digest, sources, this.#plain, this.#blobs, this.#upstream, memory, prepare);
    this.#run = run;
    this.#tally.filling(digest, run.ended);
    // A fill that is not over in a moment is held by the alarm, from before its first answer on.
    const hold = setTimeout(() => this.#hold(run, digest, failures), HOLD_LATEST);
    run.ended
      .then(() => clearTimeout(hold))
      .then(() => this.#settle(run))
      .catch((error) => {
        console.error(
          `entrepot: the fill of ${digest} was not put away: ${(error as Error).message}`,
        );
      });
    return run;
  }

  async #hold(run: Run, digest: Digest, failures: number): Promise<void> {
    try {
      const saved = await this.#saved.get();
      if (this.#run !== run || run.failure || run.published) return;
      await this.#saved.save(saved ?? { digest, sources: run.sources.all(), failures });
    } catch (error) {
      console.error(`entrepot: the fill of ${digest} is not held: ${(error as Error).message}`);
    }
  }

  /** After success the object empties itself; after a failure it keeps what it has for the next try. */
  async #settle(run: Run): Promise<void> {
    // At once, and before anything is awaited: whoever has heard of the failure and asks again starts anew.
    if (run.failure) this.#run = undefined;
    if (run.mismatch) this.#tally.unverified(...run.mismatch);
    run.sources.remember(this.#memory);
    this.#plain = run.failure !== undefined && run.plain;
    const saved = await this.#saved.get();
    if (this.#run && this.#run !== run) return; // the next run has begun, and saves what is its own
    if (run.published && (saved || !run.found)) {
      const { digest } = run.published;
      const kept = saved ?? { digest, sources: run.sources.all(), failures: 0 };
      const isTold = await this.#saved.tell(run.published, kept);
      if (this.#run && this.#run !== run) return;
      if (!isTold) {
        this.#run = undefined;
        return;
      }
    }
    if (!run.failure || !saved?.plan) {
      // Not remembered here: whether a blob exists is R2's to say, also after it was deleted.
      this.#run = undefined;
      return this.#saved.empty();
    }
    const failures = run.refused ? RETRIES.length : saved.failures;
    await this.#saved.save({ ...saved, failures: failures + 1 }, RETRIES[failures] ?? KEEP);
  }

  /** Deletes the blob's head, unless the blob is being fetched or mended. */
  async remove(digest: Digest): Promise<Outcome<Removed>> {
    return settle(() =>
      this.#removing.unless(
        async () => !(await this.#isIdle()),
        () => this.#blobs.remove(digest),
      ),
    );
  }

  /** Deletes what an attempt has stored, unless it is somebody's: the published blob's, or a fill's.
   * @returns how many bytes were deleted; undefined where it stays */
  async removeAttempt(digest: Digest, attempt: string): Promise<Outcome<number | undefined>> {
    return settle(async () => {
      const layout = await this.#blobs.layout(digest);
      const isFree = layout?.attempt !== attempt && (await this.#isIdle());
      return isFree ? this.#blobs.deleteAttempt(digest, attempt) : undefined;
    });
  }

  /** Resolves once the blob is not being deleted. */
  async removalOver(): Promise<void> {
    await this.#removing.over();
  }

  async #isIdle(): Promise<boolean> {
    return !(await this.#saved.get()) && !this.#run; // a fill may have begun meanwhile
  }
}
