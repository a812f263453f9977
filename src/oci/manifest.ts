// Manifests: media types, what a body says it is, and the child that an old client gets of an index.

import { type Digest, isDigest } from "./digest.ts";
import { parseObject } from "./json.ts";

export const OCI_INDEX = "application/vnd.oci.image.index.v1+json";
export const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
export const DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json";
export const DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+prettyjws";

export const INDEX_TYPES: readonly string[] = [OCI_INDEX, DOCKER_LIST];

/** distribution-spec, "Pushing manifests": registries must take 4 MiB; larger ones are refused here. */
export const MANIFEST_LIMIT = 4 * 1024 * 1024;

/** What upstreams are always asked for, whatever the client accepts: so that what is cached is the
 * index where there is one, and two clients never cause two different answers to be stored. */
export const UPSTREAM_ACCEPT = [
  OCI_INDEX,
  OCI_MANIFEST,
  DOCKER_LIST,
  DOCKER_MANIFEST,
  "application/vnd.oci.artifact.manifest.v1+json",
  "*/*;q=0.5",
].join(", ");

interface ManifestBody {
  schemaVersion?: unknown;
  mediaType?: unknown;
  manifests?: unknown;
  config?: unknown;
  fsLayers?: unknown;
}

function parse(bytes: Uint8Array): ManifestBody | undefined {
  return parseObject(bytes);
}

/** True for a JSON object that calls itself a manifest: tells an upstream's HTML error page with
 * status 200 from content, where no digest does. */
export function looksLikeManifest(bytes: Uint8Array): boolean {
  const body = parse(bytes);
  return (
    body !== undefined &&
    (typeof body.schemaVersion === "number" || typeof body.mediaType === "string")
  );
}

/** The media type to serve: the body's own `mediaType` wins over the header; OCI manifests often have
 * none, then the upstream's Content-Type decides; where that is no manifest type, the body's shape. */
export function mediaTypeOf(bytes: Uint8Array, contentType: string | null): string {
  const body = parse(bytes);
  if (
    typeof body?.mediaType === "string" &&
    /^(?!text\/)[\w.+-]+\/[\w.+-]+$/.test(body.mediaType)
  ) {
    return body.mediaType;
  }
  const told = manifestType(contentType);
  if (told !== undefined) return told;
  if (Array.isArray(body?.manifests)) return OCI_INDEX;
  if (Array.isArray(body?.fsLayers)) return DOCKER_SCHEMA1;
  if (typeof body?.config === "object" && body.config !== null) return OCI_MANIFEST;
  return contentType?.split(";")[0]?.trim().toLowerCase() || "application/octet-stream";
}

/** A Content-Type that says more than that there are bytes; undefined for one that any server might add. */
export function manifestType(contentType: string | null): string | undefined {
  const type = contentType?.split(";")[0]?.trim().toLowerCase();
  return !type || /^(text\/.*|application\/(json|octet-stream))$/.test(type) ? undefined : type;
}

interface IndexEntry {
  digest?: unknown;
  platform?: { os?: unknown; architecture?: unknown };
}

/** The linux/amd64 child of an index, as distribution gives it to clients that accept no index. */
export function defaultChild(index: Uint8Array): Digest | undefined {
  const entries = parse(index)?.manifests;
  if (!Array.isArray(entries)) return undefined;
  const child = (entries as (IndexEntry | null)[]).find(
    (entry) => entry?.platform?.os === "linux" && entry.platform.architecture === "amd64",
  );
  return typeof child?.digest === "string" && isDigest(child.digest) ? child.digest : undefined;
}
