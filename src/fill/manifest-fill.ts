// ManifestFill: the Durable Object, one per digest, that fetches a manifest once for all who ask.

import { DurableObject } from "cloudflare:workers";
import { openCatalog } from "../catalog/open.ts";
import type { Env } from "../env.ts";
import { algorithmOf, type Digest } from "../oci/digest.ts";
import { type Outcome, RegistryError, settle } from "../oci/error.ts";
import { digestOf } from "../oci/hash.ts";
import { manifestType } from "../oci/manifest.ts";
import { type Source, sourceKey } from "../policy/source.ts";
import { type Manifest, ManifestStore } from "../store/manifests.ts";
import { contentLength, UpstreamClient } from "../upstream/client.ts";
import { openGate } from "../upstream/gate.ts";
import { isKnown } from "../upstream/refusal.ts";
import { admit } from "./admission.ts";
import { type Asking, patiently } from "./asking.ts";
import { empty } from "./emptied.ts";
import type { How } from "./how.ts";
import { Memory } from "./memory.ts";
import { News } from "./news.ts";
import { factOf, Outbox, TELL_AGAIN } from "./outbox.ts";
import { readManifest, typeOfManifest } from "./read-manifest.ts";
import { type Removed, Removing, removalsOver } from "./removing.ts";
import { Shared } from "./shared.ts";
import { Sources } from "./sources.ts";
import { tallyOf } from "./tally.ts";

export interface FetchedManifest {
  manifest: Manifest;
  how: How;
}

/** What the upstream's HEAD tells of a manifest. */
export interface ToldManifest {
  mediaType: string;
  /** In bytes. */
  size: number;
}

interface Run {
  news: News;
  sources: Sources;
  background: boolean;
  fetched?: Manifest;
  /** Place → that the catalog is told of it there. */
  told: Map<string, Promise<void>>;
  found: boolean;
  failure?: { error: unknown };
}

export class ManifestFill extends DurableObject<Env> {
  readonly #store = new ManifestStore(this.env.META, this.env.BLOBS);
  readonly #tally = tallyOf(this.env);
  readonly #upstream = new UpstreamClient(openGate(this.env.UPSTREAM_GATE), this.#tally);
  readonly #catalog = openCatalog(this.env);
  readonly #outbox = new Outbox(this.ctx.storage, this.env);
  readonly #removing = new Removing();
  readonly #memory = new Memory();
  readonly #heads = new Shared<ToldManifest | undefined>(this.#memory);
  #run: Run | undefined;

  /** Throws MANIFEST_UNKNOWN (404) and other refusals to those alone who came with the refused source;
   * MANIFEST_INVALID (502) where the upstream sends other bytes. */
  async join(digest: Digest, source: Source, asking: Asking): Promise<Outcome<FetchedManifest>> {
    return settle(() => patiently(this.#join(digest, source, asking), source, asking));
  }

  /** The upstream's own description of what is not here: a HEAD starts no fill. Undefined where it is deficient. */
  async head(
    digest: Digest,
    source: Source,
    asking: Asking,
  ): Promise<Outcome<ToldManifest | undefined>> {
    return settle(() => patiently(this.#told(digest, source), source, asking));
  }

  #told(digest: Digest, source: Source): Promise<ToldManifest | undefined> {
    return this.#heads.ask(source, async () => {
      const headers = await this.#upstream.headManifest(source, digest);
      const size = headers && contentLength(headers);
      const mediaType = headers && manifestType(headers.get("content-type"));
      return size === undefined || mediaType === undefined ? undefined : { size, mediaType };
    });
  }

  async #join(digest: Digest, source: Source, asking: Asking): Promise<FetchedManifest> {
    await this.#removing.over();
    if (!asking.named) this.#memory.throwRecalled(source, Date.now());
    const background = asking.background ?? false;
    const began = this.#run === undefined;
    const run = this.#run ?? this.#start(digest, source, background);
    run.sources.add(source);
    try {
      const fetched = await run.news.until(() => {
        if (run.fetched) {
          const how: How = run.found ? "found" : began ? "started" : "joined";
          return { manifest: run.fetched, how };
        }
        const refusal = run.sources.errorOf(source);
        if (refusal) throw refusal;
        if (run.failure) throw run.failure.error;
        return undefined;
      });
      const confirm = () => this.#confirm(digest, source);
      await admit(this.#catalog, run.sources, digest, source, asking, confirm);
      await this.#tell(run, fetched.manifest, source);
      return fetched;
    } catch (error) {
      // What is not done for nobody's sake may be done for somebody's.
      if (began || !run.background || background) throw error;
      return this.#join(digest, source, asking);
    }
  }

  #start(digest: Digest, source: Source, background: boolean): Run {
    const run: Run = {
      news: new News(),
      sources: new Sources(),
      told: new Map(),
      background,
      found: false,
    };
    run.sources.add(source);
    this.#run = run;
    this.#fetch(digest, run)
      .then(
        (manifest) => {
          run.fetched = manifest;
        },
        (error) => {
          // A refusal is the upstream's answer, and the client's to hear.
          if (!isKnown(error)) {
            console.error(
              `entrepot: fetching manifest ${digest} failed: ${(error as Error).message}`,
            );
          }
          run.failure = { error };
        },
      )
      .finally(() => {
        this.#run = undefined;
        run.sources.remember(this.#memory);
        run.news.tell();
      });
    return run;
  }

  async #fetch(digest: Digest, run: Run): Promise<Manifest> {
    // A Worker whose KV lags, or that raced with the last fetch, comes here for what R2 has already.
    const stored = await this.#store.getStored(digest);
    if (stored) {
      run.found = true;
      return stored;
    }
    const purpose = run.background ? "background" : "client";
    const [manifest, from] = await run.sources.use(
      async (source) => {
        const answer = await this.#upstream.manifest(source, digest, purpose);
        const bytes = await readManifest(source, answer);
        if (digestOf(bytes, algorithmOf(digest)) !== digest) {
          const { host } = source.rule.upstream;
          const message = `${host} sent other bytes than ${digest} promises; nothing was kept`;
          this.#tally.unverified(source, digest, message);
          throw new RegistryError("MANIFEST_INVALID", message, { status: 502 });
        }
        const mediaType = typeOfManifest(source, bytes);
        return [{ digest, mediaType, bytes }, source] as const;
      },
      () => run.news.tell(),
    );
    // Before it is stored: what it leads to is then referred to, and not collected as nobody's.
    await this.#tell(run, manifest, from);
    await this.#store.put(manifest, sourceKey(from));
    return manifest;
  }

  /** Tells the catalog that it was asked for there, and waits for the end of what is being deleted of its contents: so that what a
   * client then finds missing is fetched again. */
  #tell(run: Run, manifest: Manifest, source: Source): Promise<void> {
    const place = sourceKey(source);
    const tell = async () => {
      const fact = factOf(manifest, place, run.fetched !== undefined);
      await removalsOver(this.env, await this.#outbox.tell({ manifest: fact }));
    };
    const telling = run.told.get(place) ?? tell();
    run.told.set(place, telling);
    return telling;
  }

  /** Throws what the upstream answers where the source does not have it. */
  async #confirm(digest: Digest, source: Source): Promise<void> {
    if (await this.#told(digest, source)) return;
    (await this.#upstream.manifest(source, digest)).cancel(); // HEAD is deficient
  }

  /** Deletes it, unless it is being fetched. */
  async remove(digest: Digest): Promise<Outcome<Removed>> {
    return settle(() =>
      this.#removing.unless(
        async () => !(await this.#outbox.isEmpty()) || this.#run !== undefined,
        () => this.#store.remove(digest),
      ),
    );
  }

  /** Resolves once it is not being deleted. */
  async removalOver(): Promise<void> {
    await this.#removing.over();
  }

  /** Tells the catalog what it could not be told. */
  override async alarm(): Promise<void> {
    await this.ctx.storage.setAlarm(Date.now() + TELL_AGAIN); // first of all: it wakes again
    if (await this.#outbox.empty()) await empty(this.ctx.storage);
  }
}
