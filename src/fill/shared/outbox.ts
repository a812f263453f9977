// Outbox: facts that an object reports to the catalog. They are reported before content is stored, so that nothing
// visible is unknown to the catalog; if the catalog is slow or away, they are stored, and the object's alarm reports
// them later.

import type { Catalog } from "../../catalog/contract.ts";
import { openCatalog } from "../../catalog/open.ts";
import type { BlobFact, ManifestFact, TagFact } from "../../catalog/record/contract.ts";
import { describe } from "../../oci/described.ts";
import type { Digest } from "../../oci/digest.ts";
import { within } from "../../platform/deadline.ts";
import { OUTBOX_KEY, outboxKey } from "../../store/keys.ts";
import type { Manifest } from "../../store/manifests.ts";
import type { FillBindings } from "../contract.ts";

type Fact = { manifest: ManifestFact } | { blob: BlobFact } | { tag: TagFact };

/** Catalog timeout in ms; on expiry the pull goes on and the alarm reports the fact. */
const CATALOG_TIMEOUT = 2_000;
/** Delay in ms before the alarm reports what could not be reported. */
export const REPORT_RETRY_DELAY = 20_000;

/** @param place place that it is pulled in
 * @param isFound whether it was cached already, perhaps for another place */
export function factOf(
  { digest, mediaType, bytes }: Manifest,
  place: string,
  isFound: boolean,
): ManifestFact {
  const now = Date.now();
  const fact = { digest, place, mediaType, size: bytes.byteLength, ...describe(bytes) };
  return { ...fact, cachedAt: now, ...(isFound && { adoptedAt: now, found: true as const }) };
}

export class Outbox {
  readonly #storage: DurableObjectStorage;
  readonly #catalog: Catalog;
  #count = 0;

  constructor(storage: DurableObjectStorage, env: FillBindings) {
    this.#storage = storage;
    this.#catalog = openCatalog(env);
  }

  /** Reports the facts now, or stores them for the alarm.
   * @returns contents the facts refer to that are being deleted now */
  async tell(...facts: Fact[]): Promise<Digest[]> {
    try {
      return await tellInTime(this.#catalog, facts);
    } catch (error) {
      console.warn(
        `entrepot: reporting to the catalog failed, will retry: ${(error as Error).message}`,
      );
      const now = Date.now();
      for (const fact of facts) await this.#storage.put(outboxKey(now, this.#count++), fact);
      await this.#wakeBy(Date.now() + REPORT_RETRY_DELAY);
      return [];
    }
  }

  async isEmpty(): Promise<boolean> {
    return (await this.#first()) === undefined;
  }

  /** Reports the stored facts; called by the alarm.
   * @returns whether all are reported; otherwise the alarm has to try again */
  async empty(): Promise<boolean> {
    try {
      // One at a time, as facts may be large; includes those stored meanwhile.
      for (let kept = await this.#first(); kept; kept = await this.#first()) {
        const [key, facts] = kept;
        for (const fact of facts) await tell(this.#catalog, fact);
        await this.#storage.delete(key);
      }
      return true;
    } catch (error) {
      console.warn(
        `entrepot: reporting to the catalog failed, will retry: ${(error as Error).message}`,
      );
      return false;
    }
  }

  async #first(): Promise<[key: string, facts: Fact[]] | undefined> {
    const kept = await this.#storage.list<Fact | Fact[]>({ prefix: OUTBOX_KEY, limit: 1 });
    const [first] = kept;
    return first && [first[0], Array.isArray(first[1]) ? first[1] : [first[1]]];
  }

  async #wakeBy(at: number): Promise<void> {
    const set = await this.#storage.getAlarm();
    if (set === null || set > at) await this.#storage.setAlarm(at);
  }
}

/** Throws if the catalog fails or does not answer within 2 s. */
export async function tellInTime(catalog: Catalog, facts: readonly Fact[]): Promise<Digest[]> {
  const reports = Promise.all(facts.map((fact) => tell(catalog, fact)));
  return (await within(reports, CATALOG_TIMEOUT)).flat();
}

async function tell(catalog: Catalog, fact: Fact): Promise<Digest[]> {
  if ("manifest" in fact) return (await catalog.tellManifest(fact.manifest)).going;
  if ("blob" in fact) await catalog.tellBlob(fact.blob);
  else await catalog.tellTag(fact.tag);
  return [];
}

/** Deletes the object's alarm and storage in one step, so that later writes are kept; an empty object costs nothing. */
export async function emptyStorage(storage: DurableObjectStorage): Promise<void> {
  await Promise.all([storage.deleteAlarm(), storage.deleteAll()]);
}
