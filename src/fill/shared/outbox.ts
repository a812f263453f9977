// The outbox: what an object has to tell the catalog. It is told before the content is stored, so that nothing that is visible is
// unknown; where the catalog is slow or away, it is kept, and the object's alarm tells it later.

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

/** Nobody who pulls waits longer for the catalog, in ms. */
const CATALOG_TIMEOUT = 2_000;
/** When the alarm tells what was not told, in ms. */
export const TELL_AGAIN = 20_000;

/** @param place where it is pulled
 * @param isFound it was here already, and its place may be another */
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

  /** Tells it now, or has the alarm tell it.
   * @returns contents that are being deleted at this moment, which the fact refers to */
  async tell(...facts: Fact[]): Promise<Digest[]> {
    try {
      return await tellInTime(this.#catalog, facts);
    } catch (error) {
      console.warn(`entrepot: the catalog is told later: ${(error as Error).message}`);
      const now = Date.now();
      for (const fact of facts) await this.#storage.put(outboxKey(now, this.#count++), fact);
      await this.#wakeBy(Date.now() + TELL_AGAIN);
      return [];
    }
  }

  async isEmpty(): Promise<boolean> {
    return (await this.#first()) === undefined;
  }

  /** For the alarm. @returns whether nothing is left to tell; else it is told again later */
  async empty(): Promise<boolean> {
    try {
      // One after the other, as facts may be large; what comes in meanwhile is told as well.
      for (let kept = await this.#first(); kept; kept = await this.#first()) {
        const [key, facts] = kept;
        for (const fact of facts) await tell(this.#catalog, fact);
        await this.#storage.delete(key);
      }
      return true;
    } catch (error) {
      console.warn(`entrepot: the catalog is told later: ${(error as Error).message}`);
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

/** Throws where the catalog is slow or away. */
export async function tellInTime(catalog: Catalog, facts: readonly Fact[]): Promise<Digest[]> {
  const told = Promise.all(facts.map((fact) => tell(catalog, fact)));
  return (await within(told, CATALOG_TIMEOUT, () => new Error("no answer in time"))).flat();
}

async function tell(catalog: Catalog, fact: Fact): Promise<Digest[]> {
  if ("manifest" in fact) return (await catalog.tellManifest(fact.manifest)).going;
  if ("blob" in fact) await catalog.tellBlob(fact.blob);
  else await catalog.tellTag(fact.tag);
  return [];
}
