// ManifestFill: the Durable Object, one per digest, that fetches a manifest once for all who ask.

import { DurableObject } from "cloudflare:workers";
import type { Env } from "../env.ts";
import { algorithmOf, type Digest } from "../oci/digest.ts";
import { type Outcome, RegistryError, settle } from "../oci/error.ts";
import { digestOf } from "../oci/hash.ts";
import { manifestType, mediaTypeOf } from "../oci/manifest.ts";
import { type Source, sourceKey } from "../policy/source.ts";
import { type Manifest, ManifestStore } from "../store/manifests.ts";
import { contentLength, UpstreamClient } from "../upstream/client.ts";
import { openGate } from "../upstream/gate.ts";
import { isKnown } from "../upstream/refusal.ts";
import { type Asking, patiently } from "./asking.ts";
import { empty } from "./emptied.ts";
import type { How } from "./how.ts";
import { Memory } from "./memory.ts";
import { News } from "./news.ts";
import { factOf, Outbox, TELL_AGAIN } from "./outbox.ts";
import { readManifest } from "./read-manifest.ts";
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
  found: boolean;
  failure?: { error: unknown };
}

export class ManifestFill extends DurableObject<Env> {
  readonly #store = new ManifestStore(this.env.META, this.env.BLOBS);
  readonly #upstream = new UpstreamClient(openGate(this.env.UPSTREAM_GATE), tallyOf(this.env));
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
    const ask = async () => {
      const headers = await this.#upstream.headManifest(source, digest);
      const size = headers && contentLength(headers);
      const mediaType = headers && manifestType(headers.get("content-type"));
      return size === undefined || mediaType === undefined ? undefined : { size, mediaType };
    };
    return settle(() => patiently(this.#heads.ask(source, ask), source, asking));
  }

  async #join(digest: Digest, source: Source, asking: Asking): Promise<FetchedManifest> {
    await this.#removing.over();
    if (!asking.named) this.#memory.throwRecalled(source, Date.now());
    const background = asking.background ?? false;
    const began = this.#run === undefined;
    const run = this.#run ?? this.#start(digest, source, background);
    run.sources.add(source);
    try {
      return await run.news.until(() => {
        if (run.fetched) {
          const how: How = run.found ? "found" : began ? "started" : "joined";
          return { manifest: run.fetched, how };
        }
        const refusal = run.sources.errorOf(source);
        if (refusal) throw refusal;
        if (run.failure) throw run.failure.error;
        return undefined;
      });
    } catch (error) {
      // What is not done for nobody's sake may be done for somebody's.
      if (began || !run.background || background) throw error;
      return this.#join(digest, source, asking);
    }
  }

  #start(digest: Digest, source: Source, background: boolean): Run {
    const run: Run = { news: new News(), sources: new Sources(), background, found: false };
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
      await this.#tell(stored, run, true);
      return stored;
    }
    const purpose = run.background ? "background" : "client";
    const manifest = await run.sources.use(
      async (source) => {
        const answer = await this.#upstream.manifest(source, digest, purpose);
        const bytes = await readManifest(source, answer);
        if (digestOf(bytes, algorithmOf(digest)) !== digest) {
          const { host } = source.rule.upstream;
          const message = `${host} sent other bytes than ${digest} promises; nothing was kept`;
          throw new RegistryError("MANIFEST_INVALID", message, { status: 502 });
        }
        return { digest, mediaType: mediaTypeOf(bytes, answer.headers.get("content-type")), bytes };
      },
      () => run.news.tell(),
    );
    // Before it is stored: what it leads to is then referred to, and not collected as nobody's.
    const places = await this.#tell(manifest, run, false);
    await this.#store.put(manifest, places[0] as string);
    return manifest;
  }

  /** Tells the catalog, for each place that it was asked for, and waits for the end of what is being deleted of its contents: so that
   * what a client then finds missing is fetched again. */
  async #tell(manifest: Manifest, run: Run, isFound: boolean): Promise<string[]> {
    const asked = run.sources.all().filter((source) => !run.sources.errorOf(source));
    const places = [...new Set(asked.map(sourceKey))];
    const facts = places.map((place) => ({ manifest: factOf(manifest, place, isFound) }));
    const going = await this.#outbox.tell(...facts);
    await removalsOver(this.env, going);
    return places;
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
