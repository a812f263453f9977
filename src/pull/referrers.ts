// The story of referrers: what refers to a digest (signatures, SBOMs). Kept unfiltered, and filtered here.

import type { Digest } from "../oci/digest.ts";
import type { Source } from "../policy/source.ts";
import type { Asked } from "./asked.ts";
import type { House } from "./house.ts";
import { pullList } from "./list.ts";
import { pagingOf } from "./paging.ts";
import { permitDigest } from "./permit.ts";
import type { Labelled } from "./stale.ts";

export interface PulledReferrers extends Labelled {
  /** The descriptors, unfiltered at the upstream and filtered here. */
  manifests: unknown[];
  next?: URLSearchParams;
}

/** @param query the client's; whatever pages the upstream is handed back to it */
export async function pullReferrers(
  house: House,
  source: Source,
  digest: Digest,
  query: URLSearchParams,
  asked: Asked,
): Promise<PulledReferrers> {
  await permitDigest(house, source, digest, asked);
  const artifactType = query.get("artifactType");
  const list = { list: `referrers/${digest}`, query: pagingOf(query).query.toString() };
  const { entries, next, ...label } = await pullList(house, source, list, asked);
  if (next) {
    next.delete("artifactType");
    if (artifactType !== null) next.set("artifactType", artifactType);
  }
  return { ...label, manifests: only(artifactType, entries), ...(next && { next }) };
}

function only(artifactType: string | null, manifests: unknown[]): unknown[] {
  if (artifactType === null) return manifests;
  return manifests.filter(
    (entry) => (entry as { artifactType?: unknown } | null)?.artifactType === artifactType,
  );
}
