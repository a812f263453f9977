// Referrers: lists the manifests that refer to a digest, such as signatures and SBOMs. Stored unfiltered, filtered per request.

import type { Digest } from "../oci/digest.ts";
import type { Source } from "../policy/source.ts";
import type { ReferrersFrom } from "../store/lists.ts";
import { pullList } from "./list.ts";
import type { Paging } from "./paging.ts";
import { permitDigest } from "./permit.ts";
import type { Pull } from "./pull.ts";
import type { PullServices } from "./services.ts";
import type { Labelled } from "./stale.ts";

export interface PulledReferrers extends Labelled {
  /** Descriptors, filtered by artifact type. */
  manifests: unknown[];
  next?: URLSearchParams;
  from?: ReferrersFrom;
}

/** @param artifactType the artifact type wanted; null for all */
export async function pullReferrers(
  services: PullServices,
  source: Source,
  digest: Digest,
  { query }: Paging,
  artifactType: string | null,
  pull: Pull,
): Promise<PulledReferrers> {
  await permitDigest(services, source, digest, pull);
  const list = { list: `referrers/${digest}`, query };
  const { entries, next, ...label } = await pullList(services, source, list, pull);
  return { ...label, manifests: only(artifactType, entries), ...(next && { next }) };
}

function only(artifactType: string | null, manifests: unknown[]): unknown[] {
  if (artifactType === null) return manifests;
  return manifests.filter(
    (entry) => (entry as { artifactType?: unknown } | null)?.artifactType === artifactType,
  );
}
