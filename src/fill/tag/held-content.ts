// Content of a held digest: fetched when it is first seen, and examined for being exempt.

import type { Digest } from "../../oci/digest.ts";
import { RegistryError } from "../../oci/error.ts";
import { claimsExemption } from "../../oci/exempt.ts";
import { startOf } from "../../platform/stream-start.ts";
import type { Source } from "../../policy/source.ts";
import { BlobStore } from "../../store/blobs.ts";
import type { Asking, FillBindings, Fills } from "../contract.ts";
import { openFills } from "../open.ts";
import { isExempt } from "../shared/exempt-content.ts";
import type { NamedTag } from "./tag-history.ts";

export class HeldContent {
  readonly #fills: Fills;
  readonly #blobs: BlobStore;
  /** Digest that was examined last, for all that wait. */
  #examined: { digest: Digest; answer: Promise<boolean> } | undefined;

  constructor(env: FillBindings) {
    this.#fills = openFills(env);
    this.#blobs = new BlobStore(env.BLOBS, env.META);
  }

  /** Fetches the manifest, and the blobs of one that says that it is exempt. Throws if they cannot be read. */
  isExempt(named: NamedTag & { asking: Asking }, digest: Digest): Promise<boolean> {
    if (this.#examined?.digest === digest) return this.#examined.answer;
    const answer = this.#examine(named, digest);
    const examined = { digest, answer };
    this.#examined = examined;
    answer.catch(() => {
      if (this.#examined === examined) this.#examined = undefined; // the next check repeats it
    });
    return answer;
  }

  async #examine(
    { source, asking }: NamedTag & { asking: Asking },
    digest: Digest,
  ): Promise<boolean> {
    const { patience, background = false, by } = asking;
    const own: Asking = { patience, background, ...(by && { by }) };
    const manifest = async (one: Digest) =>
      (await this.#fills.joinManifest(one, source, { ...own, named: true })).manifest.bytes;
    const blob = (one: Digest, limit: number) => this.#start(source, one, own, limit);
    const bytes = await manifest(digest);
    return claimsExemption(bytes) && (await isExempt(bytes, { manifest, blob }));
  }

  async #start(source: Source, digest: Digest, asking: Asking, limit: number): Promise<Uint8Array> {
    const joined = await this.#fills.joinBlob(digest, source, asking);
    if (joined.state === "filling")
      await this.#fills.waitFor(digest, source, joined.attempt, 0, true);
    const first = (await this.#blobs.open(digest))?.first;
    if (!first) throw new RegistryError("BLOB_UNKNOWN", `${digest} is no longer stored`);
    return startOf(first, limit);
  }
}
