// Removing: content is deleted by the object that fetches it, so that neither begins while the other is at work.

import type { Digest } from "../../oci/digest.ts";
import { within } from "../../platform/deadline.ts";
import type { FillBindings, Removed } from "../contract.ts";

/** For how long the end of a removal is waited for, in ms. */
const REMOVAL_TIMEOUT = 2_000;

export class Removing {
  #removal: Promise<boolean> | undefined;

  /** @param isBusy looked at last before the removal begins
   * @param remove says whether it was there; what it throws is thrown */
  async unless(isBusy: () => Promise<boolean>, remove: () => Promise<boolean>): Promise<Removed> {
    if ((await isBusy()) || this.#removal) return { outcome: "busy", found: true };
    const removal = remove().finally(() => {
      this.#removal = undefined;
    });
    this.#removal = removal;
    return { outcome: "gone", found: await removal };
  }

  /** Resolves once nothing is being removed; whether that failed is the remover's to hear. */
  async over(): Promise<void> {
    while (this.#removal) await this.#removal.catch(() => {});
  }
}

/** Answers without an outcome: it cannot fail. */
interface Removable {
  removalOver(): Promise<void>;
}

function removable(fills: DurableObjectNamespace, digest: Digest): Removable {
  return fills.get(fills.idFromName(digest)) as unknown as Removable;
}

/** Waits for the end of the removals of these contents, blobs or manifests, for as long as a pull can wait. */
export async function removalsOver(env: FillBindings, digests: readonly Digest[]): Promise<void> {
  if (digests.length === 0) return;
  const over = digests.flatMap((digest) =>
    [env.BLOB_FILL, env.MANIFEST_FILL].map((fills) => removable(fills, digest).removalOver()),
  );
  try {
    await within(Promise.all(over), REMOVAL_TIMEOUT, () => new Error("no end in time"));
  } catch (error) {
    console.warn(`entrepot: contents are being deleted: ${(error as Error).message}`);
  }
}
