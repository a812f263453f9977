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
  if (!(await isInCatalog(catalog.linked(sourceKey(source), digest)))) await ask();
}

/** What the catalog tells of a link; where it fails to, the upstream has to be asked. */
export async function isInCatalog(linked: Promise<boolean>): Promise<boolean> {
  try {
    return await linked;
  } catch (error) {
    console.warn(`entrepot: the catalog does not tell of a link: ${(error as Error).message}`);
    return false;
  }
}
