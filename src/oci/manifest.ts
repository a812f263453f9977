// Manifests: media types, validation of a body, and the child of an index that is served to clients without index support.

import { type Digest, isDigest } from "./digest.ts";
import { parseObject } from "./json.ts";
import { kindOf } from "./kind.ts";

export const OCI_INDEX = "application/vnd.oci.image.index.v1+json";
export const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
export const DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json";
export const DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+json";
const DOCKER_SCHEMA1_SIGNED = "application/vnd.docker.distribution.manifest.v1+prettyjws";

export const INDEX_TYPES: readonly string[] = [OCI_INDEX, DOCKER_LIST];

/** Maximum size of a manifest, in bytes: the 4 MiB that registries must accept (distribution-spec, "Pushing manifests"). */
export const MANIFEST_LIMIT = 4 * 1024 * 1024;

/** The Accept header of every upstream request, whatever the client accepts: the index is cached if there is one, and two clients never
 * cause two different answers to be stored. */
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
  layers?: unknown;
  fsLayers?: unknown;
  signatures?: unknown;
}

/** Fields that decide the type of a body. Go's JSON decoder accepts them in any case, JSON.parse does not. */
const DECIDING = ["schemaVersion", "mediaType", "manifests", "config", "layers", "fsLayers"];
/** Fields by their Unicode upper case: Go also takes U+017F (ſ), a lower-case letter whose upper case is S, for an s. */
const CANONICAL = new Map(DECIDING.map((field) => [field.toUpperCase(), field]));

const REGISTERED = [
  ...INDEX_TYPES,
  OCI_MANIFEST,
  DOCKER_MANIFEST,
  DOCKER_SCHEMA1,
  DOCKER_SCHEMA1_SIGNED,
];
const VENDOR_JSON = /^application\/vnd\.[a-z0-9.+-]{1,200}\+json$/i;

/** A registered manifest type, or `application/vnd.…+json`: types that no browser renders (stored XSS). */
function isManifestType(text: string): boolean {
  return REGISTERED.includes(text) || VENDOR_JSON.test(text);
}

/** The media type to serve a manifest with, or why it is refused. */
export type Judged = { mediaType: string } | { wrong: string };

/** Validates a body by its bytes only, so that no upstream's header decides the type of a digest for other repositories. The type is the
 * body's `mediaType`, else it follows from the fields. Refuses a body that two clients could read differently: an index that is also an
 * image (CVE-2021-41190), and fields that differ only in case from DECIDING. */
export function judgeManifest(bytes: Uint8Array): Judged {
  const body: ManifestBody | undefined = parseObject(bytes);
  if (!body) return { wrong: "it is not a JSON object" };
  const miscased = Object.keys(body).find((key) => {
    const field = CANONICAL.get(key.toUpperCase());
    return field !== undefined && field !== key;
  });
  if (miscased !== undefined) return { wrong: `it has a field "${miscased}" in an unusual case` };
  const wrong = wrongShape(body);
  return wrong === undefined ? typeOf(body) : { wrong };
}

function wrongShape({ manifests, config, layers }: ManifestBody): string | undefined {
  if (isPresent(manifests) && (isPresent(config) || isPresent(layers)))
    return "it is both an index and an image: it has manifests and a config or layers";
  if (isPresent(manifests) && !Array.isArray(manifests)) return "its manifests field is not a list";
  if (isPresent(layers) && !Array.isArray(layers)) return "its layers field is not a list";
  if (isPresent(config) && (typeof config !== "object" || Array.isArray(config)))
    return "its config is not a descriptor";
  return undefined;
}

function typeOf(body: ManifestBody): Judged {
  const shape = shapeOf(body);
  const { mediaType } = body;
  if (!isPresent(mediaType) || mediaType === "") {
    if (shape !== undefined) return { mediaType: shape };
    return typeof body.schemaVersion === "number"
      ? { mediaType: OCI_MANIFEST }
      : { wrong: "it has neither the mediaType nor the fields of a manifest" };
  }
  if (typeof mediaType !== "string" || !isManifestType(mediaType))
    return { wrong: "its mediaType is not a manifest type" };
  const isIndex = shape === OCI_INDEX;
  const contradicts = INDEX_TYPES.includes(mediaType)
    ? shape !== undefined && !isIndex
    : isIndex && [OCI_MANIFEST, DOCKER_MANIFEST].includes(mediaType);
  return contradicts ? { wrong: "its fields contradict its mediaType" } : { mediaType };
}

/** The media type by the fields; undefined if they do not decide. */
function shapeOf({ manifests, config, layers, fsLayers, signatures }: ManifestBody) {
  if (isPresent(manifests)) return OCI_INDEX;
  if (isPresent(config) || isPresent(layers)) return OCI_MANIFEST;
  if (!Array.isArray(fsLayers)) return undefined;
  return isPresent(signatures) ? DOCKER_SCHEMA1_SIGNED : DOCKER_SCHEMA1;
}

function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null;
}

/** Docker's schema 1, which distribution has refused since 2.8 and Docker Hub since 2020: the digest of a signed one is not that of its
 * bytes, and no current client accepts either form. */
export function isSchema1(mediaType: string | undefined): boolean {
  return mediaType === DOCKER_SCHEMA1 || mediaType === DOCKER_SCHEMA1_SIGNED;
}

/** The manifest media type in a Content-Type header; undefined for any other, such as one that a browser would render. */
export function manifestType(contentType: string | null): string | undefined {
  const type = contentType?.split(";")[0]?.trim().toLowerCase();
  return type !== undefined && isManifestType(type) ? type : undefined;
}

interface IndexEntry {
  digest?: unknown;
  mediaType?: unknown;
  platform?: { os?: unknown; architecture?: unknown };
}

/** The linux/amd64 child of an index, which distribution also serves to clients that do not accept an index. */
export function defaultChild(index: Uint8Array): Digest | undefined {
  const entries = parseObject(index)?.manifests;
  if (!Array.isArray(entries)) return undefined;
  const child = (entries as (IndexEntry | null)[]).find(
    (entry) =>
      entry?.platform?.os === "linux" &&
      entry.platform.architecture === "amd64" &&
      kindOf(entry.mediaType) !== "blob",
  );
  return typeof child?.digest === "string" && isDigest(child.digest) ? child.digest : undefined;
}
