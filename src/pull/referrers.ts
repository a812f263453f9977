// The story of referrers: what refers to a digest (signatures, SBOMs), from the upstream's API, or from the tag that
// registries without it keep them under (distribution-spec, "Referrers Tag Schema").

import { type Digest, referrersTag } from "../oci/digest.ts";
import { RegistryError } from "../oci/error.ts";
import type { Source } from "../policy/source.ts";
import type { House } from "./house.ts";
import { readPage } from "./listing.ts";

export interface PulledReferrers {
  /** The descriptors, unfiltered at the upstream and filtered here. */
  manifests: unknown[];
  next?: URLSearchParams;
}

/** @param asked the client's query; whatever pages the upstream is handed back to it as it is */
export async function pullReferrers(
  house: House,
  source: Source,
  digest: Digest,
  asked: URLSearchParams,
): Promise<PulledReferrers> {
  const artifactType = asked.get("artifactType");
  const paging = new URLSearchParams(asked);
  paging.delete("artifactType");
  paging.delete("ns");
  const answer = await house.upstream.referrers(source, digest, paging);
  if (answer.status === 404) {
    answer.cancel();
    return { manifests: only(artifactType, await byTag(house, source, digest)) };
  }
  const { body, next } = await readPage(source, answer);
  if (next) {
    next.delete("artifactType");
    if (artifactType !== null) next.set("artifactType", artifactType);
  }
  return { manifests: only(artifactType, listOf(body)), ...(next && { next }) };
}

async function byTag(house: House, source: Source, digest: Digest): Promise<unknown[]> {
  try {
    const answer = await house.upstream.manifest(source, referrersTag(digest));
    return listOf((await readPage(source, answer)).body);
  } catch (error) {
    // No such tag: nothing refers to it. Any other failure is one.
    if (error instanceof RegistryError && error.status === 404) return [];
    throw error;
  }
}

function listOf(body: Record<string, unknown>): unknown[] {
  return Array.isArray(body.manifests) ? body.manifests : [];
}

function only(artifactType: string | null, manifests: unknown[]): unknown[] {
  if (artifactType === null) return manifests;
  return manifests.filter(
    (entry) => (entry as { artifactType?: unknown } | null)?.artifactType === artifactType,
  );
}
