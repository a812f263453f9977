// ManifestFill: the Durable Object, one per digest, that fetches a manifest once per origin for all clients.

import { DurableObject } from "cloudflare:workers";
import type { Digest } from "../../oci/digest.ts";
import { type Calls, type Outcome, settle } from "../../platform/rpc.ts";
import { originOf, type Source, sourceKey } from "../../policy/source.ts";
import { LinkStore } from "../../store/links.ts";
import { type Manifest, ManifestStore } from "../../store/manifests.ts";
import { VerdictStore } from "../../store/verdicts.ts";
import { UpstreamClient } from "../../upstream/client/client.ts";
import { isKnown, unlessUnknown } from "../../upstream/client/refusal.ts";
import { openGate } from "../../upstream/open.ts";
import type {
  Asking,
  FetchedManifest,
  FillBindings,
  ManifestFillMethods,
  Removed,
  ToldManifest,
} from "../contract.ts";
import { type JoinRequest, patiently } from "../shared/asking.ts";
import { NegativeCache } from "../shared/negative-cache.ts";
import { emptyStorage, factOf, Outbox, REPORT_RETRY_DELAY } from "../shared/outbox.ts";
import { Proofs } from "../shared/proofs.ts";
import { Removing, removalsOver } from "../shared/removing.ts";
import { Signal } from "../shared/signal.ts";
import { isOthersQuota, Sources } from "../shared/sources.ts";
import { tallyOf } from "../shared/tally.ts";
import { ManifestQuestions } from "./manifest-questions.ts";

interface Run {
  signal: Signal;
  sources: Sources;
  background: boolean;
  fetched?: Manifest;
  /** Place → report to the catalog that the manifest is in it. */
  reports: Map<string, Promise<void>>;
  failure?: { error: unknown };
}

export class ManifestFill
  extends DurableObject<FillBindings>
  implements Calls<ManifestFillMethods>
{
  readonly #store = new ManifestStore(this.env.META, this.env.BLOBS);
  readonly #tally = tallyOf(this.env);
  readonly #links = new LinkStore(this.env.META, this.env.BLOBS);
  readonly #verdicts = new VerdictStore(this.env.META, this.env.BLOBS);
  readonly #proofs = new Proofs(this.#links);
  readonly #outbox = new Outbox(this.ctx.storage, this.env);
  readonly #removing = new Removing();
  readonly #refusals = new NegativeCache();
  readonly #questions = new ManifestQuestions(
    new UpstreamClient(openGate(this.env), this.#tally),
    this.#tally,
    this.#refusals,
  );
  /** By origin (policy/source): one origin's delivery proves nothing about another. */
  readonly #runs = new Map<string, Run>();
  /** Place → running report that the cached manifest was pulled there, shared by concurrent requests. */
  readonly #adopting = new Map<string, Promise<void>>();

  /** Throws MANIFEST_UNKNOWN (404) and other refusals only to clients of the refused source, and MANIFEST_INVALID (502)
   * where the upstream sends other bytes. */
  async join(digest: Digest, source: Source, asking: Asking): Promise<Outcome<FetchedManifest>> {
    const request = { digest, source, asking };
    return settle(() => patiently(this.#join(request), request));
  }

  /** Description of a manifest that is not cached, by the upstream's HEAD; starts no fill. Undefined where HEAD is
   * deficient. */
  async head(
    digest: Digest,
    source: Source,
    asking: Asking,
  ): Promise<Outcome<ToldManifest | undefined>> {
    return settle(() => {
      const { background } = asking;
      const description = background
        ? this.#questions.byHeadOrGet(digest, source)
        : this.#questions.byHead(digest, source);
      return patiently(description, { source, asking });
    });
  }

  async #join(request: JoinRequest): Promise<FetchedManifest> {
    const { digest, source, asking } = request;
    await this.#removing.over();
    if (!asking.named) this.#refusals.throwRecalled(source, Date.now());
    const running = this.#runs.get(originOf(source.rule));
    if (running) return this.#joinRun(running, request);
    // R2 may have it already: the Worker's KV lags, or it raced with the last fetch.
    const stored = await this.#store.getStored(digest);
    if (stored && (asking.linked || (await this.#isAdmitted(stored, source)))) {
      await this.#adopt(stored, source);
      return { manifest: stored, how: "found" };
    }
    return this.#joinRun(undefined, request, stored);
  }

  /** Whether the upstream's HEAD is enough to admit the source: only if its origin has delivered the bytes before;
   * otherwise it has to deliver them now. Throws the upstream's refusal for a repository that does not have it. */
  async #isAdmitted(stored: Manifest, source: Source): Promise<boolean> {
    const { digest } = stored;
    if (await this.#proofs.isProved(digest, source)) return true;
    if (!(await this.#proofs.hasDelivered(digest, source))) return false;
    if (!(await this.#questions.byHead(digest, source).catch(unlessUnknown))) return false; // HEAD is deficient or refuses: the GET decides
    await this.#proofs.record(digest, source, "word");
    return true;
  }

  /** @param stored the manifest in R2, for a run that only proves that its origin has it too */
  async #joinRun(
    running: Run | undefined,
    request: JoinRequest,
    stored?: Manifest,
  ): Promise<FetchedManifest> {
    const { digest, source, asking } = request;
    const background = asking.background ?? false;
    const run =
      running ??
      this.#runs.get(originOf(source.rule)) ??
      this.#start(digest, source, background, stored);
    const began = run !== running && run.sources.isFirst(source);
    run.sources.add(source);
    try {
      const manifest = await run.signal.until(() => {
        if (run.fetched) return run.fetched;
        const refusal = run.sources.errorOf(source);
        if (refusal) throw refusal;
        if (run.failure) throw run.failure.error;
        return undefined;
      });
      if (!asking.linked && !run.sources.hasAnswered(source)) await this.#confirm(digest, source);
      await this.#report(run, manifest, source);
      return { manifest, how: began ? "started" : "joined" };
    } catch (error) {
      // A background run may fail where a client's run would succeed, as it leaves the rest of a quota to clients.
      const wasBackground = run.background && !background;
      if (began || !(wasBackground || isOthersQuota(run, source, error))) throw error;
      return this.#join(request);
    }
  }

  #start(digest: Digest, source: Source, background: boolean, stored?: Manifest): Run {
    const origin = originOf(source.rule);
    const run: Run = {
      signal: new Signal(),
      sources: new Sources(),
      reports: new Map(),
      background,
    };
    run.sources.add(source);
    this.#runs.set(origin, run);
    this.#fetch(digest, run, stored)
      .then(
        (manifest) => {
          run.fetched = manifest;
        },
        (error) => {
          run.failure = { error };
          if (isKnown(error)) return; // a refusal goes to the client, not to the log
          console.error(`entrepot: fetching ${digest} failed: ${(error as Error).message}`);
        },
      )
      .finally(() => {
        this.#runs.delete(origin);
        run.sources.remember(this.#refusals);
        run.signal.notify();
      });
    return run;
  }

  async #fetch(digest: Digest, run: Run, stored: Manifest | undefined): Promise<Manifest> {
    const purpose = run.background ? "background" : "client";
    const [manifest, from] = await run.sources.use(
      async (source) => [await this.#questions.get(digest, source, purpose), source] as const,
      () => run.signal.notify(),
    );
    // Before it is stored: its contents count as referenced, and are not collected.
    await this.#report(run, manifest, from);
    if (!stored) await this.#store.put(manifest, sourceKey(from));
    await this.#proofs.record(digest, from, "bytes");
    this.#refusals.forget(from); // of a refused HEAD
    return manifest;
  }

  /** Confirms the source in a run that another repository of its origin has delivered. Throws the upstream's refusal
   * where this one does not have it. */
  async #confirm(digest: Digest, source: Source): Promise<void> {
    const isTold = await this.#questions.byHead(digest, source).catch(unlessUnknown);
    if (!isTold) await this.#questions.get(digest, source, "client");
    await this.#proofs.record(digest, source, isTold ? "word" : "bytes");
  }

  /** Reports the manifest to the catalog, and waits for running deletions of its contents, so that content a client then
   * finds missing is fetched again. */
  #report(run: Run, manifest: Manifest, source: Source): Promise<void> {
    const place = sourceKey(source);
    const report =
      run.reports.get(place) ?? this.#reportOf(manifest, place, run.fetched !== undefined);
    run.reports.set(place, report);
    return report;
  }

  /** Reports that the cached manifest is pulled in this place too. */
  #adopt(manifest: Manifest, source: Source): Promise<void> {
    const place = sourceKey(source);
    const report =
      this.#adopting.get(place) ??
      this.#reportOf(manifest, place, true).finally(() => this.#adopting.delete(place));
    this.#adopting.set(place, report);
    return report;
  }

  async #reportOf(manifest: Manifest, place: string, isFound: boolean): Promise<void> {
    const fact = factOf(manifest, place, isFound);
    await removalsOver(this.env, await this.#outbox.tell({ manifest: fact }));
  }

  /** Deletes the manifest unless it is being fetched. */
  async remove(digest: Digest): Promise<Outcome<Removed>> {
    return settle(() =>
      this.#removing.unless(
        async () => !(await this.#outbox.isEmpty()) || this.#runs.size > 0,
        async () => {
          this.#proofs.forget();
          await this.#links.forget(digest);
          await this.#verdicts.remove(digest);
          return this.#store.remove(digest);
        },
      ),
    );
  }

  /** Resolves once no deletion of the manifest is running. */
  async removalOver(): Promise<void> {
    await this.#removing.over();
  }

  /** Reports to the catalog what could not be reported before. */
  override async alarm(): Promise<void> {
    await this.ctx.storage.setAlarm(Date.now() + REPORT_RETRY_DELAY); // first, so that the alarm fires again if this invocation dies
    if (await this.#outbox.empty()) await emptyStorage(this.ctx.storage);
  }
}
