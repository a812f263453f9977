// Healing: restores images and blobs that the catalog reports as deleted although they were just served, for example from a copy
// or during a sweep.

import type { Fills } from "../fill/contract.ts";
import { type Source, sourceKey } from "../policy/source.ts";
import { Claims } from "../store/claims.ts";
import { type BlobFrom, type Healing, nameOf, type PulledFrom } from "./reports.ts";

/** Minimum interval between attempts to heal the same image or blob, in ms. */
const HEAL_INTERVAL = 60_000;
const MAX_REMEMBERED = 1_000;

export class Healer implements Healing {
  readonly #fills: Pick<Fills, "joinManifest" | "joinBlob" | "restoreTag">;
  readonly #healed = new Claims(MAX_REMEMBERED);

  constructor(fills: Pick<Fills, "joinManifest" | "joinBlob" | "restoreTag">) {
    this.#fills = fills;
  }

  /** Fetches the manifest unless it is stored (its Durable Object records it in the catalog either way), then restores the tag's
   * mapping. */
  image({ pulled, source, mapping }: PulledFrom, now: number): Promise<boolean> {
    const { place, digest, tag } = pulled;
    return this.#once(nameOf(pulled), now, async () => {
      await this.#fills.joinManifest(digest, source, askingFor(source));
      if (tag !== undefined && mapping) await this.#fills.restoreTag(place, tag, mapping);
    });
  }

  /** Starts the blob's fill, which continues in the background. */
  blob({ digest, source }: BlobFrom, now: number): Promise<boolean> {
    return this.#once(`${sourceKey(source)} ${digest}`, now, async () => {
      await this.#fills.joinBlob(digest, source, askingFor(source));
    });
  }

  async #once(what: string, now: number, heal: () => Promise<void>): Promise<boolean> {
    if (!this.#healed.take(what, now, HEAL_INTERVAL)) return false;
    try {
      await heal();
      return true;
    } catch (error) {
      const { message } = error as Error;
      console.warn(`entrepot: ${what.trim()} was served but could not be restored: ${message}`);
      return false;
    }
  }
}

function askingFor({ rule }: Source) {
  return { patience: rule.firstByteTimeout, background: true, linked: true };
}
