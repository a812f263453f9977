// Saved fill: what a blob's object stores to survive a reset: what it fetches, for whom, and how far it is. The alarm
// continues with it until the blob is published and the catalog has recorded it.

import type { Catalog } from "../../catalog/contract.ts";
import type { Digest } from "../../oci/digest.ts";
import type { Source } from "../../policy/source.ts";
import { FILL_KEY } from "../../store/keys.ts";
import type { Layout } from "../../store/segments.ts";
import { emptyStorage, REPORT_RETRY_DELAY, tellInTime } from "../shared/outbox.ts";
import type { Plan } from "./attempt.ts";

export interface Saved {
  digest: Digest;
  /** Sources of one origin; of several if an earlier version saved them. */
  sources: Source[];
  /** Keys of the sources that the upstream delivered something to. */
  answered?: string[];
  plan?: Plan;
  /** Failed runs since the last request for the blob. */
  failures: number;
}

/** Delay in ms before the alarm takes over a running fill: an object without events is evicted after 70 s at the
 * earliest, and a background fetch does not keep it (guide/platform, "Notes on the runtime"). */
export const ALARM_DELAY = 15_000;
/** Time in ms that a failed fill's segments are kept for the next request. */
export const RETENTION = 24 * 60 * 60_000;

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

  /** @param wakeAfter delay of the alarm in ms */
  async save(saved: Saved, wakeAfter = ALARM_DELAY): Promise<void> {
    await this.#storage.put(FILL_KEY, saved);
    await this.#storage.setAlarm(Date.now() + wakeAfter);
  }

  empty(): Promise<void> {
    return emptyStorage(this.#storage);
  }

  /** Reports a published blob to the catalog. If that fails, the alarm finds the blob later and reports it.
   * @returns whether the catalog has recorded it */
  async tell({ size, attempt, generation }: Layout, saved: Saved): Promise<boolean> {
    const { digest } = saved;
    const blob = { digest, size, attempt, generation, cachedAt: Date.now() };
    try {
      await tellInTime(this.#catalog, [{ blob }]);
      return true;
    } catch (error) {
      console.warn(
        `entrepot: reporting to the catalog failed, will retry: ${(error as Error).message}`,
      );
      await this.save(saved, REPORT_RETRY_DELAY);
      return false;
    }
  }
}
