// Manifests: media types, what a body says it is, and the child that an old client gets of an index.

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
  layers?: unknown;
  fsLayers?: unknown;
  signatures?: unknown;
}

/** Fields that decide what a body is. Go's JSON decoder takes them in any case, this one does not. */
const DECIDING = ["schemaVersion", "mediaType", "manifests", "config", "layers", "fsLayers"];
/** By upper case, as Unicode folds: Go takes U+017F (ſ), whose upper case is S, and which is lower case itself, for an s. */
const CANONICAL = new Map(DECIDING.map((field) => [field.toUpperCase(), field]));

const REGISTERED = [
  ...INDEX_TYPES,
  OCI_MANIFEST,
  DOCKER_MANIFEST,
  DOCKER_SCHEMA1,
  DOCKER_SCHEMA1_SIGNED,
];
const VENDOR_JSON = /^application\/vnd\.[a-z0-9.+-]{1,200}\+json$/i;

/** A type that no browser renders: a registered manifest type, or `application/vnd.…+json`. */
export function isManifestType(text: string): boolean {
  return REGISTERED.includes(text) || VENDOR_JSON.test(text);
}

/** What a body is as a manifest: the media type to serve it with, or why it is refused. */
export type Judged = { mediaType: string } | { wrong: string };

/** Judges a body by its bytes alone, so that no upstream's header decides the type of a digest for other repositories. The type is the
 * body's `mediaType`, else follows from its shape. Refuses what two clients could read in two ways: an index that is also an image
 * (CVE-2021-41190), and fields that only differ in case from those that decide. */
export function judgeManifest(bytes: Uint8Array): Judged {
  const body: ManifestBody | undefined = parseObject(bytes);
  if (!body) return { wrong: "it is no JSON object" };
  const odd = Object.keys(body).find((key) => {
    const field = CANONICAL.get(key.toUpperCase());
    return field !== undefined && field !== key;
  });
  if (odd !== undefined) return { wrong: `it has a field "${odd}" in an unusual case` };
  const wrong = wrongShape(body);
  return wrong === undefined ? typeOf(body) : { wrong };
}

function wrongShape({ manifests, config, layers }: ManifestBody): string | undefined {
  if (isThere(manifests) && (isThere(config) || isThere(layers)))
    return "it is an index and an image at once: it has manifests beside a config or layers";
  if (isThere(manifests) && !Array.isArray(manifests)) return "its manifests are no list";
  if (isThere(layers) && !Array.isArray(layers)) return "its layers are no list";
  if (isThere(config) && (typeof config !== "object" || Array.isArray(config)))
    return "its config is no descriptor";
  return undefined;
}

function typeOf(body: ManifestBody): Judged {
  const shape = shapeOf(body);
  const { mediaType } = body;
  if (!isThere(mediaType) || mediaType === "") {
    if (shape !== undefined) return { mediaType: shape };
    return typeof body.schemaVersion === "number"
      ? { mediaType: OCI_MANIFEST }
      : { wrong: "it has neither the mediaType nor the fields of a manifest" };
  }
  if (typeof mediaType !== "string" || !isManifestType(mediaType))
    return { wrong: "its mediaType is none of a manifest" };
  const isIndex = shape === OCI_INDEX;
  const contradicts = INDEX_TYPES.includes(mediaType)
    ? shape !== undefined && !isIndex
    : isIndex && [OCI_MANIFEST, DOCKER_MANIFEST].includes(mediaType);
  return contradicts ? { wrong: `its fields are not those of its mediaType` } : { mediaType };
}

/** Undefined where no field tells. */
function shapeOf({ manifests, config, layers, fsLayers, signatures }: ManifestBody) {
  if (isThere(manifests)) return OCI_INDEX;
  if (isThere(config) || isThere(layers)) return OCI_MANIFEST;
  if (!Array.isArray(fsLayers)) return undefined;
  return isThere(signatures) ? DOCKER_SCHEMA1_SIGNED : DOCKER_SCHEMA1;
}

function isThere(value: unknown): boolean {
  return value !== undefined && value !== null;
}

/** Docker's schema 1, which registries refuse since distribution 2.8 and Docker Hub since 2020: a signed one is named by another digest than
 * that of its bytes, and no client of today takes either. */
export function isSchema1(mediaType: string | undefined): boolean {
  return mediaType === DOCKER_SCHEMA1 || mediaType === DOCKER_SCHEMA1_SIGNED;
}

/** A Content-Type header as a manifest's media type; undefined for any other, such as one that a browser would render. */
export function manifestType(contentType: string | null): string | undefined {
  const type = contentType?.split(";")[0]?.trim().toLowerCase();
  return type !== undefined && isManifestType(type) ? type : undefined;
}

interface IndexEntry {
  digest?: unknown;
  mediaType?: unknown;
  platform?: { os?: unknown; architecture?: unknown };
}

/** The linux/amd64 child of an index, as distribution gives it to clients that accept no index. */
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
