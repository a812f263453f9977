// The story of referrers: what refers to a digest (signatures, SBOMs). Kept unfiltered, and filtered here.

import type { Digest } from "../oci/digest.ts";
import type { Source } from "../policy/source.ts";
import type { ReferrersFrom } from "../store/lists.ts";
import { pullList } from "./list.ts";
import type { Paging } from "./paging.ts";
import { permitDigest } from "./permit.ts";
import type { Asked } from "./pull.ts";
import type { House } from "./services.ts";
import type { Labelled } from "./stale.ts";

export interface PulledReferrers extends Labelled {
  /** The descriptors, unfiltered at the upstream and filtered here. */
  manifests: unknown[];
  next?: URLSearchParams;
  from?: ReferrersFrom;
}

/** @param artifactType of those that are wanted; null for all */
export async function pullReferrers(
  house: House,
  source: Source,
  digest: Digest,
  { query }: Paging,
  artifactType: string | null,
  asked: Asked,
): Promise<PulledReferrers> {
  await permitDigest(house, source, digest, asked);
  const list = { list: `referrers/${digest}`, query };
  const { entries, next, ...label } = await pullList(house, source, list, asked);
  return { ...label, manifests: only(artifactType, entries), ...(next && { next }) };
}

function only(artifactType: string | null, manifests: unknown[]): unknown[] {
  if (artifactType === null) return manifests;
  return manifests.filter(
    (entry) => (entry as { artifactType?: unknown } | null)?.artifactType === artifactType,
  );
}
