// Platforms, as named by an index's descriptors and by image configs.

interface Platform {
  os?: unknown;
  architecture?: unknown;
  variant?: unknown;
}

/** The platform that BuildKit gives attestations, which have none. */
export const NO_PLATFORM = "unknown/unknown";

/** `linux/arm64/v8`, from a descriptor's `platform` or an image config (image-spec, "Image Configuration"); undefined if it names none. */
export function platformOf({ os, architecture, variant }: Platform): string | undefined {
  // Some builders write "" for no variant.
  const hasVariant = variant !== undefined && variant !== null && variant !== "";
  const parts = [os, architecture, ...(hasVariant ? [variant] : [])];
  const isPlatform = parts.every((part) => typeof part === "string" && /^[\w.-]{1,64}$/.test(part));
  return isPlatform ? parts.join("/") : undefined;
}
