// Exemption: signatures, attestations and SBOMs need no signature of their own. Their content decides, never the tag that names them: a
// manifest is exempt if its types say so and none of its blobs may run.

import { parseObject } from "../../oci/json.ts";
import { OCI_INDEX, OCI_MANIFEST } from "../../oci/manifest.ts";
import { digestIn, namedIn } from "../../oci/references.ts";
import { HEADER, mayRun } from "../../oci/runnable.ts";
import type { ContentRequest } from "./contract.ts";
import { fetchManifest, readBlob } from "./read.ts";

/** Maximum number of blobs of an exempt manifest, and of children of an exempt index; beyond it, a signature is required. */
const MAX_BLOBS = 64;
const MAX_CHILDREN = 32;
/** Maximum size in bytes of a blob of an exempt manifest, since it is fetched before the manifest is served. */
const MAX_BLOB = 64 * 1024 * 1024;
/** Number of blobs or children that are examined at once. */
const AT_ONCE = 4;

/** Types of layers, configs and artifacts: cosign's and notation's signatures, attestations in DSSE and in-toto, SBOMs and VEX. */
const EXEMPT =
  /^(?:application\/vnd\.dev\.cosign\.(?:simplesigning\.v1|artifact\.(?:sig|att|sbom)\.v1)\+json|application\/vnd\.dev\.sigstore\.bundle(?:\.v0\.\d+\+json|\+json;version=0\.\d+)|application\/vnd\.dsse\.envelope\.v1\+json|application\/vnd\.in-toto\+(?:json|dsse)|application\/vnd\.cncf\.notary\.signature|application\/(?:jose\+json|cose)|text\/spdx(?:\+(?:json|xml))?|application\/spdx\+json|application\/vnd\.cyclonedx(?:\+(?:json|xml))?|application\/vnd\.syft\+json|application\/(?:vnd\.openvex|sarif|csaf|vex)\+json)$/;
/** Types of configs that say nothing: those of BuildKit's and cosign's manifests, and empty ones. */
const PLAIN =
  /^application\/vnd\.(?:oci\.image\.config\.v1|oci\.empty\.v1|unknown\.config\.v1|docker\.container\.image\.v1)\+json$/;

/** Fields of a descriptor that say what is fetched, by their Unicode upper case (oci/manifest, CANONICAL). */
const FIELDS = new Map(["mediaType", "digest", "size"].map((one) => [one.toUpperCase(), one]));

interface Part {
  mediaType?: unknown;
}

/** Whether the manifest's types are all of exempt content. It still may run. */
export function claimsExemption(manifest: Uint8Array): boolean {
  const body = parseObject(manifest) ?? {};
  const { mediaType, artifactType, config, layers, manifests, blobs } = body;
  if (Array.isArray(manifests))
    return (mediaType ?? OCI_INDEX) === OCI_INDEX && manifests.every(isUnambiguous);
  if ((mediaType ?? OCI_MANIFEST) !== OCI_MANIFEST || blobs !== undefined) return false;
  if (!Array.isArray(layers) || layers.length === 0 || layers.length > MAX_BLOBS) return false;
  const isNamed = artifactType === undefined || isExempt(artifactType);
  const own = typeOf(config);
  if (!isNamed || ![config, ...layers].every(isUnambiguous)) return false;
  return (isExempt(own) || matches(PLAIN, own)) && layers.map(typeOf).every(isExempt);
}

/** Attack: a layer that Go's JSON decoder reads otherwise. It takes `Digest` for `digest`, the last one counts; and an absent digest is that of
 * an earlier list of the same name. */
function isUnambiguous(part: unknown): boolean {
  if (digestIn(part).length === 0) return false;
  return Object.keys(part as object).every((key) => {
    const field = FIELDS.get(key.toUpperCase());
    return field === undefined || field === key;
  });
}

function typeOf(part: unknown): unknown {
  return (part as Part | null | undefined)?.mediaType;
}

function isExempt(type: unknown): boolean {
  return matches(EXEMPT, type);
}

function matches(pattern: RegExp, type: unknown): boolean {
  return typeof type === "string" && pattern.test(type);
}

/** Whether the manifest is exempt. Throws if its contents cannot be read. */
export async function isExemptManifest(
  request: ContentRequest,
  manifest: Uint8Array,
  depth = 0,
): Promise<boolean> {
  if (!claimsExemption(manifest)) return false;
  const body = parseObject(manifest) ?? {};
  const parts = namedIn(body);
  if (Array.isArray(body.manifests)) {
    if (depth > 0 || parts.length > MAX_CHILDREN) return false;
    if (parts.some(({ kind }) => kind === "blob")) return false;
    return every(parts, async ({ digest }) => {
      const child = await fetchManifest({ ...request, digest });
      return isExemptManifest({ ...request, digest }, child, depth + 1);
    });
  }
  return every(parts, async ({ digest, size }) => {
    if (size > MAX_BLOB) return false;
    const start = await readBlob({ ...request, digest }, HEADER);
    return !mayRun(start);
  });
}

async function every<T>(all: readonly T[], test: (one: T) => Promise<boolean>): Promise<boolean> {
  for (let at = 0; at < all.length; at += AT_ONCE) {
    const some = await Promise.allSettled(all.slice(at, at + AT_ONCE).map(test));
    if (some.some((one) => one.status === "fulfilled" && !one.value)) return false;
    for (const one of some) if (one.status === "rejected") throw one.reason;
  }
  return true;
}
