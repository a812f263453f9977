// What survives a reset of a blob's object: what it fetches, for whom, and how far it was. The alarm goes on with it, until the blob is
// published and the catalog knows of it.

import type { Catalog } from "../../catalog/contract.ts";
import type { Digest } from "../../oci/digest.ts";
import type { Source } from "../../policy/source.ts";
import { FILL_KEY } from "../../store/keys.ts";
import type { Layout } from "../../store/segments.ts";
import { empty } from "../shared/emptied.ts";
import { TELL_AGAIN, tellInTime } from "../shared/outbox.ts";
import type { Plan } from "./attempt.ts";

export interface Saved {
  digest: Digest;
  /** Of one origin; in what an earlier version saved, of any. */
  sources: Source[];
  /** The keys of those that the upstream had given something. */
  answered?: string[];
  plan?: Plan;
  /** How often the fill failed since somebody asked for it. */
  failures: number;
}

/** When the alarm looks after a fill that has begun, in ms: an object without events is evicted after 70 s at
 * the earliest, and a background fetch does not hold it (guide/platform, "Notes on the runtime"). */
export const HOLD_AFTER = 15_000;
/** How long the segments of a fill that failed are kept for whoever asks again, in ms. */
export const KEEP = 24 * 60 * 60_000;

export class SavedFill {
  readonly #storage: DurableObjectStorage;
  readonly #catalog: Catalog;

  constructor(storage: DurableObjectStorage, catalog: Catalog) {
    this.#storage = storage;
    this.#catalog = catalog;
  }

  get(): Promise<Saved | undefined> {
    return this.#storage.get<Saved>(FILL_KEY);
  }

  /** @param wakeAfter when the alarm looks after it, in ms */
  async save(saved: Saved, wakeAfter = HOLD_AFTER): Promise<void> {
    await this.#storage.put(FILL_KEY, saved);
    await this.#storage.setAlarm(Date.now() + wakeAfter);
  }

  empty(): Promise<void> {
    return empty(this.#storage);
  }

  /** Tells the catalog of a blob that is published. Where it cannot be told, the alarm comes back to it, finds the blob, and tells.
   * @returns whether it was told */
  async tell({ size, attempt, generation }: Layout, saved: Saved): Promise<boolean> {
    const { digest } = saved;
    const blob = { digest, size, attempt, generation, cachedAt: Date.now() };
    try {
      await tellInTime(this.#catalog, [{ blob }]);
      return true;
    } catch (error) {
      console.warn(`entrepot: the catalog is told later: ${(error as Error).message}`);
      await this.save(saved, TELL_AGAIN);
      return false;
    }
  }
}
