// Fetch of a held image behind: of its platforms and blobs, those that the tag's older image has here, which this cache's clients use. It is
// then here once it is old enough, although the upstream may have lost it by then.

import type { Digest } from "../../oci/digest.ts";
import { parseObject } from "../../oci/json.ts";
import { defaultChild } from "../../oci/manifest.ts";
import { type Named, namedIn } from "../../oci/references.ts";
import { within } from "../../platform/deadline.ts";
import type { Hold } from "../../policy/age.ts";
import type { Source } from "../../policy/source.ts";
import { BlobStore } from "../../store/blobs.ts";
import { ManifestStore } from "../../store/manifests.ts";
import type { Asking, FillBindings, Fills } from "../contract.ts";
import { openFills } from "../open.ts";

/** Maximum number of children and of blobs of each, and maximum size in bytes of all blobs; a client's pull fetches what is left. */
const MAX_CHILDREN = 16;
const MAX_BLOBS = 256;
const MAX_BYTES = 16 * 1024 ** 3;
/** A tag that has moved more often within its minimum age has its manifests fetched alone: most of them will never be served. */
const MAX_MOVES = 4;
/** Maximum time to wait for a blob before the next is begun, in ms; its fill goes on by itself. */
const BLOB_TIME = 60_000;

/** What clients use of an image: the blobs of one platform. */
interface Used {
  /** Undefined for an image that no index names. */
  platform?: string;
  config: boolean;
  layers: boolean;
}

export class HeldFetch {
  readonly #fills: Fills;
  readonly #manifests: ManifestStore;
  readonly #blobs: BlobStore;
  /** Candidate that was fetched last, or is being fetched. */
  #candidate: Digest | undefined;

  constructor(env: FillBindings) {
    this.#fills = openFills(env);
    this.#manifests = new ManifestStore(env.META, env.BLOBS);
    this.#blobs = new BlobStore(env.BLOBS, env.META);
  }

  /** Best effort: a check after a failure repeats it, and goes on where it ended. */
  async fetch(source: Source, { candidate, accepted, moves }: Hold): Promise<void> {
    if (this.#candidate === candidate) return;
    this.#candidate = candidate;
    try {
      const asking = { patience: source.rule.firstByteTimeout, background: true };
      const fetching = new Fetching({ source, asking, fills: this.#fills });
      const manifest = await fetching.manifest(candidate);
      if (accepted === undefined || moves > MAX_MOVES) return;
      const older = await this.#manifests.get(accepted);
      if (older) await fetching.contents(manifest, await this.#usedOf(older.bytes));
    } catch (error) {
      if (this.#candidate === candidate) this.#candidate = undefined;
      console.warn(`entrepot: fetching a held image failed: ${(error as Error).message}`);
    }
  }

  async #usedOf(older: Uint8Array): Promise<Used[]> {
    const parts = partsOf(older);
    const children = parts.filter(isChild).slice(0, MAX_CHILDREN);
    if (children.length === 0) return [await this.#usedIn(parts)];
    const used: Used[] = [];
    for (const { digest, platform } of children) {
      const child = platform === undefined ? undefined : await this.#manifests.get(digest);
      if (child && platform !== undefined)
        used.push({ platform, ...(await this.#usedIn(partsOf(child.bytes))) });
    }
    return used;
  }

  /** One layer that is here tells of the others. */
  async #usedIn(parts: readonly Named[]): Promise<Used> {
    const [config, ...layers] = parts.filter(isBlob);
    const isHere = async (part: Named | undefined) =>
      part !== undefined && (await this.#blobs.head(part.digest)) !== undefined;
    return { config: await isHere(config), layers: await isHere(layers.at(-1)) };
  }
}

interface FetchingContext {
  readonly source: Source;
  readonly asking: Asking;
  readonly fills: Fills;
}

class Fetching {
  readonly #context: FetchingContext;
  #left = MAX_BYTES;

  constructor(context: FetchingContext) {
    this.#context = context;
  }

  async manifest(digest: Digest): Promise<Uint8Array> {
    const { fills, source, asking } = this.#context;
    return (await fills.joinManifest(digest, source, { ...asking, named: true })).manifest.bytes;
  }

  async contents(manifest: Uint8Array, used: readonly Used[]): Promise<void> {
    const children = partsOf(manifest).filter(isChild);
    if (children.length === 0) {
      const config = used.some((one) => one.config);
      return this.#blobsOf(manifest, { config, layers: used.some((one) => one.layers) });
    }
    const fallback = defaultChild(manifest);
    for (const one of used) {
      const wanted = ({ digest, platform }: Named) =>
        one.platform === undefined ? digest === fallback : platform === one.platform;
      for (const { digest } of children.filter(wanted).slice(0, MAX_CHILDREN))
        await this.#blobsOf(await this.manifest(digest), one);
    }
  }

  /** One after another, to leave room for clients' pulls. */
  async #blobsOf(manifest: Uint8Array, { config, layers }: Used): Promise<void> {
    const [first, ...others] = partsOf(manifest).filter(isBlob);
    const wanted = [...(config && first ? [first] : []), ...(layers ? others : [])];
    for (const { digest, size, foreign } of wanted.slice(0, MAX_BLOBS)) {
      if (foreign || size > this.#left) continue;
      this.#left -= size;
      await this.#blob(digest);
    }
  }

  async #blob(digest: Digest): Promise<void> {
    const { fills, source, asking } = this.#context;
    const joined = await fills.joinBlob(digest, source, asking);
    if (joined.state === "published") return;
    const whole = fills.waitFor(digest, source, joined.attempt, 0, true);
    const late = new Error(`${digest} takes long`);
    await within(whole, BLOB_TIME, () => late).catch((error: unknown) => {
      if (error !== late) throw error;
    });
  }
}

function partsOf(manifest: Uint8Array): Named[] {
  return namedIn(parseObject(manifest) ?? {});
}

function isChild({ kind }: Named): boolean {
  return kind === "manifest";
}

function isBlob({ kind }: Named): boolean {
  return kind === "blob";
}
