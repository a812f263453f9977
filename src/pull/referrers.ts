// Referrers: lists the manifests that refer to a digest, such as signatures and SBOMs. Stored unfiltered, filtered per request.

import type { ReferrersFrom } from "../store/lists.ts";
import { pullList } from "./list.ts";
import type { Paging } from "./paging.ts";
import { permitDigest } from "./permit.ts";
import type { DigestRequest } from "./request.ts";
import type { Labelled } from "./stale.ts";

export interface PulledReferrers extends Labelled {
  /** Descriptors, filtered by artifact type. */
  manifests: unknown[];
  next?: URLSearchParams;
  from?: ReferrersFrom;
}

/** @param artifactType the artifact type wanted; null for all */
export async function pullReferrers(
  request: DigestRequest,
  { query }: Paging,
  artifactType: string | null,
): Promise<PulledReferrers> {
  await permitDigest(request);
  const list = { list: `referrers/${request.digest}`, query };
  const { entries, next, ...label } = await pullList(request, list);
  return { ...label, manifests: only(artifactType, entries), ...(next && { next }) };
}

function only(artifactType: string | null, manifests: unknown[]): unknown[] {
  if (artifactType === null) return manifests;
  return manifests.filter(
    (entry) => (entry as { artifactType?: unknown } | null)?.artifactType === artifactType,
  );
}
