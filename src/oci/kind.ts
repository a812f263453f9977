// The kind of a descriptor, by its media type: it says under which endpoint clients ask for the content. An index may name blobs
// (BuildKit's registry cache), so that the field a descriptor stands in does not tell.

/** `unknown`: either. What the upstream has it as decides, and nothing takes it for absent before both were tried. */
export type Kind = "manifest" | "blob" | "unknown";

/** Indexes and manifests of OCI and Docker, and the artifact manifests that OCI and oras once had. */
const MANIFESTS =
  /^application\/vnd\.(?:oci\.image\.(?:index|manifest)\.v1\+json|docker\.distribution\.manifest\.(?:(?:list\.)?v2\+json|v1\+(?:json|prettyjws))|(?:oci|cncf\.oras)\.artifact\.manifest\.v1\+json)$/;
/** Layers and configs of OCI and Docker, those of Docker's plugins, and BuildKit's description of a cache. */
const BLOBS =
  /^application\/(?:vnd\.oci\.image\.(?:layer|config)\.|vnd\.docker\.(?:image\.rootfs|container\.image|plugin)\.|vnd\.buildkit\.cacheconfig\.|vnd\.oci\.empty\.v1\+json$|octet-stream$|x-tar$|gzip$|zstd$)/;

/** @param mediaType of a descriptor: foreign, and perhaps absent */
export function kindOf(mediaType: unknown): Kind {
  if (typeof mediaType !== "string") return "unknown";
  // RFC 9110, 8.3.1: without regard to case, and parameters may follow.
  const type = (mediaType.split(";")[0] ?? "").trim().toLowerCase();
  if (MANIFESTS.test(type)) return "manifest";
  return BLOBS.test(type) ? "blob" : "unknown";
}
