// Removal: content is deleted by the object that fetches it, so that a fetch and a deletion never overlap.

import type { Digest } from "../../oci/digest.ts";
import { within } from "../../platform/deadline.ts";
import type { FillBindings, Removed } from "../contract.ts";

/** Maximum wait in ms for running removals to end. */
const REMOVAL_TIMEOUT = 2_000;

export class Removing {
  #removal: Promise<boolean> | undefined;

  /** @param isBusy checked right before the removal begins
   * @param remove returns whether it was stored; its errors are thrown */
  async unless(isBusy: () => Promise<boolean>, remove: () => Promise<boolean>): Promise<Removed> {
    if ((await isBusy()) || this.#removal) return { outcome: "busy", found: true };
    const removal = remove().finally(() => {
      this.#removal = undefined;
    });
    this.#removal = removal;
    return { outcome: "gone", found: await removal };
  }

  /** Resolves once no removal is running, failed or not. */
  async over(): Promise<void> {
    while (this.#removal) await this.#removal.catch(() => {});
  }
}

/** Answers without an `Outcome`: it cannot fail. */
interface Removable {
  removalOver(): Promise<void>;
}

function removable(fills: DurableObjectNamespace, digest: Digest): Removable {
  return fills.get(fills.idFromName(digest)) as unknown as Removable;
}

/** Waits for running removals of these blobs or manifests, for at most REMOVAL_TIMEOUT. */
export async function removalsOver(env: FillBindings, digests: readonly Digest[]): Promise<void> {
  if (digests.length === 0) return;
  const over = digests.flatMap((digest) =>
    [env.BLOB_FILL, env.MANIFEST_FILL].map((fills) => removable(fills, digest).removalOver()),
  );
  try {
    await within(Promise.all(over), REMOVAL_TIMEOUT);
  } catch (error) {
    console.warn(`entrepot: waiting for deletions failed: ${(error as Error).message}`);
  }
}
