// Manifest description: children, blobs, subject and artifact type. The body is foreign, so the type of every field is checked.

import type { Digest } from "./digest.ts";
import { parseObject } from "./json.ts";
import { digestIn, namedIn } from "./references.ts";

export interface Described {
  /** Descriptors that are, or may be, of manifests (oci/kind). */
  children: { digest: Digest; platform?: string }[];
  /** Config, layers, and non-manifest entries of an index. */
  blobs: Digest[];
  /** Those of `blobs` that the registry may not have (see Named.foreign); absent if there are none. */
  foreign?: Digest[];
  /** Digest of its subject (distribution-spec, "Referrers"). */
  subject?: Digest;
  artifactType?: string;
}

/** Config media types of plain images, which give no artifact type. */
const IMAGE_CONFIGS = [
  "application/vnd.oci.image.config.v1+json",
  "application/vnd.docker.container.image.v1+json",
  "application/vnd.oci.empty.v1+json",
];
const MEDIA_TYPE = /^[\w.+-]{1,127}\/[\w.+-]{1,127}$/;

export function describe(bytes: Uint8Array): Described {
  const body = parseObject(bytes) ?? {};
  const named = namedIn(body);
  const platforms = new Map<Digest, string | undefined>();
  for (const { digest, kind, platform } of named)
    if (kind !== "blob") platforms.set(digest, platform ?? platforms.get(digest));
  const blobs = named.filter(({ kind }) => kind === "blob");
  const foreign = new Set(blobs.filter((one) => one.foreign).map(({ digest }) => digest));
  const [subject] = digestIn(body.subject);
  // image-spec, "Guidelines for Artifact Usage": without an artifactType, the config's media type is the type.
  const type = body.artifactType ?? (body.config as { mediaType?: unknown } | null)?.mediaType;
  const artifactType = typeof type === "string" && MEDIA_TYPE.test(type) ? type : undefined;
  return {
    children: [...platforms].map(([digest, platform]) => ({
      digest,
      ...(platform !== undefined && { platform }),
    })),
    blobs: [...new Set(blobs.map(({ digest }) => digest))],
    ...(foreign.size > 0 && { foreign: [...foreign] }),
    ...(subject && { subject }),
    ...(artifactType && !IMAGE_CONFIGS.includes(artifactType) && { artifactType }),
  };
}
