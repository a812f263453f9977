// What a manifest says of itself: what it leads to, what it is about, what kind of artifact it is. Foreign bodies: nothing in them is
// trusted to be what it should.

import type { Digest } from "./digest.ts";
import { parseObject } from "./json.ts";
import { digestIn, foreignIn, referencesOf } from "./references.ts";

export interface Described {
  children: { digest: Digest; platform?: string }[];
  /** Config and layers. */
  blobs: Digest[];
  /** Those of them that no registry vouches for; absent where there are none. */
  foreign?: Digest[];
  /** What it refers to (distribution-spec, "Referrers"). */
  subject?: Digest;
  artifactType?: string;
}

/** Configs that say no more than that it is an image. */
const IMAGE_CONFIGS = [
  "application/vnd.oci.image.config.v1+json",
  "application/vnd.docker.container.image.v1+json",
  "application/vnd.oci.empty.v1+json",
];
const MEDIA_TYPE = /^[\w.+-]{1,127}\/[\w.+-]{1,127}$/;

export function describe(bytes: Uint8Array): Described {
  const body = parseObject(bytes) ?? {};
  const { children, blobs } = referencesOf(body);
  const foreign = [...new Set(foreignIn(body))];
  const platforms = platformsIn(body.manifests);
  const [subject] = digestIn(body.subject);
  // image-spec, "Guidelines for Artifact Usage": without an artifactType, the config's media type says it.
  const type = body.artifactType ?? (body.config as { mediaType?: unknown } | null)?.mediaType;
  const artifactType = typeof type === "string" && MEDIA_TYPE.test(type) ? type : undefined;
  return {
    children: [...new Set(children)].map((digest) => {
      const platform = platforms.get(digest);
      return { digest, ...(platform !== undefined && { platform }) };
    }),
    blobs: [...new Set(blobs)],
    ...(foreign.length > 0 && { foreign }),
    ...(subject && { subject }),
    ...(artifactType && !IMAGE_CONFIGS.includes(artifactType) && { artifactType }),
  };
}

interface Platform {
  os?: unknown;
  architecture?: unknown;
  variant?: unknown;
}

interface Entry {
  digest?: unknown;
  platform?: Platform | null;
}

/** `linux/arm64/v8`, of a descriptor's `platform` or of an image's config (image-spec, "Image Configuration"); undefined where it names
 * none. */
export function platformOf({ os, architecture, variant }: Platform): string | undefined {
  // Builders write "" where there is no variant.
  const hasVariant = variant !== undefined && variant !== null && variant !== "";
  const parts = [os, architecture, ...(hasVariant ? [variant] : [])];
  const isPlatform = parts.every((part) => typeof part === "string" && /^[\w.-]{1,64}$/.test(part));
  return isPlatform ? parts.join("/") : undefined;
}

/** Digest → `linux/arm64/v8`. */
function platformsIn(manifests: unknown): Map<unknown, string> {
  const entries = Array.isArray(manifests) ? (manifests as (Entry | null)[]) : [];
  return new Map(
    entries.flatMap((entry) => {
      const platform = platformOf(entry?.platform ?? {});
      return platform === undefined ? [] : [[entry?.digest, platform] as const];
    }),
  );
}
