// The referrers API (OCI distribution 1.1): the manifests of a repository whose subject is this digest.

import { type Answer, json, refusal } from "./answer.ts";
import type { Manifest, Repository } from "./repositories.ts";
import type { Asked } from "./route.ts";

const INDEX = "application/vnd.oci.image.index.v1+json";

export function referrers(repository: Repository, { reference, url }: Asked): Answer {
  if (repository.settings.referrers === false) return refusal(404, "NAME_UNKNOWN");
  const type = url.searchParams.get("artifactType");
  const filtered = type !== null && repository.settings.filterReferrers !== false;
  const manifests = [...repository.manifests.values()]
    .flatMap((manifest) => descriptor(manifest, reference) ?? [])
    .filter(({ artifactType }) => !filtered || artifactType === type);
  const headers: Record<string, string> = { "content-type": INDEX };
  if (filtered) headers["oci-filters-applied"] = "artifactType";
  return json(200, { schemaVersion: 2, mediaType: INDEX, manifests }, headers);
}

function descriptor({ bytes, mediaType, digest, size }: Manifest, subject: string) {
  if (!/json/.test(mediaType)) return undefined;
  let manifest: {
    subject?: { digest?: string };
    artifactType?: string;
    config?: { mediaType?: string };
    annotations?: Record<string, string>;
  };
  try {
    manifest = JSON.parse(Buffer.from(bytes).toString());
  } catch {
    return undefined;
  }
  if (manifest?.subject?.digest !== subject) return undefined;
  const { annotations } = manifest;
  const artifactType = manifest.artifactType ?? manifest.config?.mediaType;
  return {
    mediaType,
    digest,
    size,
    ...(artifactType && { artifactType }),
    ...(annotations && { annotations }),
  };
}
