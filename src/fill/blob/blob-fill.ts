// BlobFill: the Durable Object, one per digest, that fetches a blob once per origin for all clients. It reports progress, never bytes:
// clients read segments from R2 while the rest is still arriving.

import { DurableObject } from "cloudflare:workers";
import { openCatalog } from "../../catalog/open.ts";
import type { Digest } from "../../oci/digest.ts";
import { type Calls, type Outcome, settle } from "../../platform/rpc.ts";
import { originOf, type Source } from "../../policy/source.ts";
import { BlobStore } from "../../store/blobs.ts";
import { LinkStore } from "../../store/links.ts";
import type { Layout } from "../../store/segments.ts";
import { UpstreamClient } from "../../upstream/client/client.ts";
import { openGate } from "../../upstream/open.ts";
import type { Asking, BlobFillMethods, FillBindings, Joined, Ready, Removed } from "../contract.ts";
import { type JoinRequest, patiently } from "../shared/asking.ts";
import { NegativeCache } from "../shared/negative-cache.ts";
import { Proofs } from "../shared/proofs.ts";
import { Removing } from "../shared/removing.ts";
import { SingleFlight } from "../shared/single-flight.ts";
import { isOthersQuota } from "../shared/sources.ts";
import { tallyOf } from "../shared/tally.ts";
import { BlobRuns, RETRY_DELAYS } from "./blob-runs.ts";
import { confirmBlob, sizeOf } from "./blob-size.ts";
import type { Run } from "./run.ts";
import { PROOF } from "./run-store.ts";
import { ALARM_DELAY, SavedFill } from "./saved.ts";
import { twinIn } from "./twin.ts";
import { broken, joinedTo, lookForFollower } from "./wait.ts";

/** Time in ms that an alarm holds the object: handlers may run for 15 minutes, and the next alarm takes over. */
const HOLD_TIME = 13 * 60_000;

export class BlobFill extends DurableObject<FillBindings> implements Calls<BlobFillMethods> {
  readonly #blobs = new BlobStore(this.env.BLOBS, this.env.META);
  readonly #links = new LinkStore(this.env.META, this.env.BLOBS);
  readonly #proofs = new Proofs(this.#links);
  readonly #tally = tallyOf(this.env);
  readonly #upstream = new UpstreamClient(openGate(this.env), this.#tally);
  readonly #saved = new SavedFill(this.ctx.storage, openCatalog(this.env));
  readonly #removing = new Removing();
  readonly #refusals = new NegativeCache();
  readonly #heads = new SingleFlight<number | undefined>(this.#refusals);
  readonly #confirms = new SingleFlight<void>(this.#refusals);
  #twin: Promise<Digest | undefined> | undefined;
  readonly #runs = new BlobRuns({
    blobs: this.#blobs,
    upstream: this.#upstream,
    saved: this.#saved,
    refusals: this.#refusals,
    proofs: this.#proofs,
    tally: this.#tally,
  });

  /** Starts the fill or joins it. Answers once the length is known; for a blob of one segment, once it is verified. A repository that is
   * not linked gets nothing that its own origin has not delivered and confirmed for it. */
  async join(digest: Digest, source: Source, asking: Asking): Promise<Outcome<Joined>> {
    return settle(() => this.#join({ digest, source, asking }));
  }

  async #join(request: JoinRequest): Promise<Joined> {
    const { digest, source, asking } = request;
    await this.#removing.over();
    const running = () => this.#runs.of(source, asking.linked ?? false);
    const layout = running() ? undefined : await this.#blobs.layout(digest);
    const run = running(); // one may have begun while R2 was read
    if (run) return this.#joinRun(run, request);
    if (layout) return this.#joinPublished(layout, request);
    return this.#joinNew(request);
  }

  async #joinRun(run: Run, request: JoinRequest): Promise<Joined> {
    const { source, asking } = request;
    try {
      return await this.#joined(run, request, false);
    } catch (error) {
      // A run started by another source failed for reasons of that source: this one starts its own.
      if (run.sources.errorOf(source) || run.sources.isFirst(source)) throw error;
      const next = this.#runs.of(source, asking.linked ?? false);
      if (next && next !== run) return this.#joined(next, request, false);
      return this.#joinOwn(request);
    }
  }

  async #joinNew(request: JoinRequest): Promise<Joined> {
    this.#refusals.throwRecalled(request.source, Date.now());
    return this.#joinOwn(request);
  }

  async #joinOwn(request: JoinRequest): Promise<Joined> {
    const { run, began } = await this.#runs.begin(request.digest, request.source);
    return this.#joined(run, request, began);
  }

  /** The upstream's HEAD is enough where its origin has delivered the bytes before; otherwise it has to deliver them
   * now. */
  async #joinPublished(layout: Layout, request: JoinRequest): Promise<Joined> {
    const { digest, source, asking } = request;
    const published = { state: "published", layout, how: "found" } as const;
    if (asking.linked || (await this.#proofs.isProved(digest, source))) return published;
    if (await this.#proofs.hasDelivered(digest, source)) {
      await this.#confirmed(request);
      await this.#proofs.record(digest, source, "word");
      return published;
    }
    const run = this.#runs.other(source);
    if (run) return this.#joined(run, request, false);
    this.#refusals.throwRecalled(source, Date.now());
    return this.#joined(this.#runs.prove(digest, source, layout), request, true);
  }

  /** Waits for the run to serve the source. Throws the upstream's refusal for a repository that it has delivered nothing to. */
  async #joined(run: Run, request: JoinRequest, began: boolean): Promise<Joined> {
    const { digest, source, asking } = request;
    const { patience } = asking;
    if (run.origin === originOf(source.rule)) run.sources.add(source);
    const joined = await joinedTo(run, { source, patience, began }).catch((error) => {
      if (began || !isOthersQuota(run, source, error)) throw error;
    });
    if (!joined) return this.#join(request);
    if (asking.linked) return joined;
    // Another origin's run published it meanwhile: this origin has delivered nothing.
    if (run.found && joined.state === "published")
      return this.#joinPublished(joined.layout, request);
    if (!run.sources.hasAnswered(source)) {
      await this.#confirmed(request);
      run.confirmed.add(source);
    }
    const by = run.sources.hasAnswered(source) ? "bytes" : "word";
    if (run.published) await this.#proofs.record(digest, source, by);
    return joined;
  }

  /** Size of the blob in bytes, by the upstream's HEAD, or a GET of its first byte where HEAD is deficient; undefined
   * where neither tells. Starts no fill. */
  async head(digest: Digest, source: Source, asking: Asking): Promise<Outcome<number | undefined>> {
    return settle(() => {
      const size = this.#heads.ask(source, () => sizeOf(this.#upstream, source, digest));
      return patiently(size, { source, asking });
    });
  }

  /** Throws the upstream's refusal for a repository that does not have the blob. */
  #confirmed({ digest, source, asking }: JoinRequest): Promise<void> {
    const ask = () => confirmBlob(this.#upstream, source, digest);
    return patiently(this.#confirms.ask(source, ask), { source, asking });
  }

  /** Waits until segment `number` of the attempt can be read.
   * @param verified waits until the whole blob is verified and visible instead */
  async waitFor(
    digest: Digest,
    source: Source,
    attempt: string,
    number: number,
    verified: boolean,
  ): Promise<Outcome<Ready>> {
    return settle(async () => {
      await this.#removing.over();
      const run = await this.#runs.followed(digest, source, attempt);
      const follower = { source, attempt, number, verified };
      if (run) return run.signal.until(() => lookForFollower(run, follower));
      const layout = await this.#blobs.layout(digest);
      if (!layout || (layout.attempt !== attempt && attempt !== PROOF)) throw broken();
      return { segments: [], layout };
    });
  }

  /** Repairs a published blob with a missing or damaged segment: turns it into an attempt again, which fetches what is
   * missing. */
  async mend(source: Source, layout: Layout): Promise<Outcome<void>> {
    return settle(async () => {
      await this.#removing.over();
      if (this.#runs.kept && !this.#runs.kept.published) return;
      console.error(
        `entrepot: a segment of ${layout.digest} is missing or damaged in R2; fetching it again`,
      );
      // The run counts as started before its first step, so that requests in the meantime join it.
      this.#runs.mend(layout, source, () => this.#blobs.unpublish(layout));
    });
  }

  /** Holds the object while it fetches, resumes after a reset, retries, and cleans up. */
  override async alarm(): Promise<void> {
    // First, so that the alarm fires again if the object dies in here.
    await this.ctx.storage.setAlarm(Date.now() + ALARM_DELAY);
    const saved = await this.#saved.get();
    if (!saved) return this.#saved.empty();
    if (!this.#runs.kept && saved.failures > RETRY_DELAYS.length) {
      if (saved.plan) await this.#blobs.deleteAttempt(saved.digest, saved.plan.attempt);
      return this.#saved.empty();
    }
    const run = this.#runs.kept ?? this.#runs.resume(saved);
    this.#tally.filling(saved.digest, run.ended);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const enough = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, HOLD_TIME);
    });
    await Promise.race([run.ended, enough]);
    clearTimeout(timer);
  }

  /** Digest of the same bytes by the other algorithm. Undefined where the blob is not cached. */
  async twin(digest: Digest): Promise<Outcome<Digest | undefined>> {
    return settle(async () => {
      this.#twin ??= twinIn(this.#blobs, digest).finally(() => {
        this.#twin = undefined;
      });
      return this.#twin;
    });
  }

  /** Deletes the blob's head object, unless the blob is being fetched or mended. */
  async remove(digest: Digest): Promise<Outcome<Removed>> {
    return settle(() =>
      this.#removing.unless(
        async () => !(await this.#isIdle()),
        async () => {
          this.#proofs.forget();
          await this.#links.forget(digest);
          return this.#blobs.remove(digest);
        },
      ),
    );
  }

  /** Deletes an attempt's segments unless it is in use: by the published blob or by a fill.
   * @returns bytes deleted; undefined if the attempt stays */
  async removeAttempt(digest: Digest, attempt: string): Promise<Outcome<number | undefined>> {
    return settle(async () => {
      const layout = await this.#blobs.layout(digest);
      const isFree = layout?.attempt !== attempt && (await this.#isIdle());
      return isFree ? this.#blobs.deleteAttempt(digest, attempt) : undefined;
    });
  }

  /** Resolves once no deletion of the blob is running. */
  async removalOver(): Promise<void> {
    await this.#removing.over();
  }

  async #isIdle(): Promise<boolean> {
    return !(await this.#saved.get()) && this.#runs.isIdle; // in this order: a fill may begin during the read
  }
}
