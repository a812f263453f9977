// Admission: what is here, or is being fetched for others, is given under a repository only where that repository has it too.

import type { Catalog } from "../catalog/open.ts";
import type { Digest } from "../oci/digest.ts";
import { type Source, sourceKey } from "../policy/source.ts";
import type { Asking } from "./asking.ts";
import type { Sources } from "./sources.ts";

/** Throws what the upstream answers to who may not have it.
 * @param sources of the run that he gets it from: who was answered by the upstream himself needs no more
 * @param ask the upstream, in his name */
export async function admit(
  catalog: Pick<Catalog, "linked">,
  sources: Sources,
  digest: Digest,
  source: Source,
  { linked }: Asking,
  ask: () => Promise<unknown>,
): Promise<void> {
  if (linked || sources.hasAnswered(source)) return;
  const isKnown = await catalog.linked(sourceKey(source), digest).catch((error: Error) => {
    console.warn(`entrepot: the catalog does not tell of a link: ${error.message}`);
    return false;
  });
  if (!isKnown) await ask();
}
