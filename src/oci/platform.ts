// Platforms: what a descriptor of an index, or an image's config, says that an image is for.

interface Platform {
  os?: unknown;
  architecture?: unknown;
  variant?: unknown;
}

/** What BuildKit gives attestations, which are for no platform. */
export const NO_PLATFORM = "unknown/unknown";

/** `linux/arm64/v8`, of a descriptor's `platform` or of an image's config (image-spec, "Image Configuration"); undefined where it names
 * none. */
export function platformOf({ os, architecture, variant }: Platform): string | undefined {
  // Builders write "" where there is no variant.
  const hasVariant = variant !== undefined && variant !== null && variant !== "";
  const parts = [os, architecture, ...(hasVariant ? [variant] : [])];
  const isPlatform = parts.every((part) => typeof part === "string" && /^[\w.-]{1,64}$/.test(part));
  return isPlatform ? parts.join("/") : undefined;
}
