// Kind of a descriptor by its media type, which decides the endpoint that clients request the content at. The field that holds the
// descriptor does not decide it: an index may name blobs (BuildKit's registry cache).

/** `unknown` may be either: the upstream decides, and the content counts as absent only after both endpoints were tried. */
export type Kind = "manifest" | "blob" | "unknown";

/** Indexes and manifests of OCI and Docker, and the former artifact manifests of OCI and ORAS. */
const MANIFESTS =
  /^application\/vnd\.(?:oci\.image\.(?:index|manifest)\.v1\+json|docker\.distribution\.manifest\.(?:(?:list\.)?v2\+json|v1\+(?:json|prettyjws))|(?:oci|cncf\.oras)\.artifact\.manifest\.v1\+json)$/;
/** Layers and configs of OCI, Docker and Docker plugins, and BuildKit's cache config. */
const BLOBS =
  /^application\/(?:vnd\.oci\.image\.(?:layer|config)\.|vnd\.docker\.(?:image\.rootfs|container\.image|plugin)\.|vnd\.buildkit\.cacheconfig\.|vnd\.oci\.empty\.v1\+json$|octet-stream$|x-tar$|gzip$|zstd$)/;

/** @param mediaType of a descriptor; foreign, so of any type or absent */
export function kindOf(mediaType: unknown): Kind {
  if (typeof mediaType !== "string") return "unknown";
  // RFC 9110, 8.3.1: case-insensitive, and parameters may follow.
  const type = (mediaType.split(";")[0] ?? "").trim().toLowerCase();
  if (MANIFESTS.test(type)) return "manifest";
  return BLOBS.test(type) ? "blob" : "unknown";
}
