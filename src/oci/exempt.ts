// Exemption: signatures, attestations and SBOMs need no signature of their own, and no age. Their content decides, never the tag that names
// them: a manifest is exempt if its types say so and none of its blobs may run (fill/shared/exempt-content).

import { parseObject } from "./json.ts";
import { OCI_INDEX, OCI_MANIFEST } from "./manifest.ts";
import { NO_PLATFORM } from "./platform.ts";
import { digestIn, type Named, namedIn } from "./references.ts";

/** Maximum number of blobs of an exempt manifest; beyond it, a signature is required. */
const MAX_BLOBS = 64;

/** Types of layers, configs and artifacts: cosign's and notation's signatures, attestations in DSSE and in-toto, SBOMs and VEX. */
const EXEMPT =
  /^(?:application\/vnd\.dev\.cosign\.(?:simplesigning\.v1|artifact\.(?:sig|att|sbom)\.v1)\+json|application\/vnd\.dev\.sigstore\.bundle(?:\.v0\.\d+\+json|\+json;version=0\.\d+)|application\/vnd\.dsse\.envelope\.v1\+json|application\/vnd\.in-toto\+(?:json|dsse)|application\/vnd\.cncf\.notary\.signature|application\/(?:jose\+json|cose)|text\/spdx(?:\+(?:json|xml))?|application\/spdx\+json|application\/vnd\.cyclonedx(?:\+(?:json|xml))?|application\/vnd\.syft\+json|application\/(?:vnd\.openvex|sarif|csaf|vex)\+json)$/;
/** Types of configs that say nothing: those of BuildKit's and cosign's manifests, and empty ones. */
const PLAIN =
  /^application\/vnd\.(?:oci\.image\.config\.v1|oci\.empty\.v1|unknown\.config\.v1|docker\.container\.image\.v1)\+json$/;

/** Fields of a descriptor that say what is fetched, by their Unicode upper case (oci/manifest, CANONICAL). */
const FIELDS = new Map(["mediaType", "digest", "size"].map((one) => [one.toUpperCase(), one]));

interface Typed {
  mediaType?: unknown;
}

/** Whether the manifest's types are all of exempt content. It still may run. */
export function claimsExemption(manifest: Uint8Array): boolean {
  const body = parseObject(manifest) ?? {};
  const { mediaType, artifactType, config, layers, manifests, blobs } = body;
  // An index that names platforms is of images: its children are not fetched to find that out.
  if (Array.isArray(manifests)) {
    if ((mediaType ?? OCI_INDEX) !== OCI_INDEX || !manifests.every(isUnambiguous)) return false;
    return !namedIn(body).some(hasPlatform);
  }
  if ((mediaType ?? OCI_MANIFEST) !== OCI_MANIFEST || blobs !== undefined) return false;
  if (!Array.isArray(layers) || layers.length === 0 || layers.length > MAX_BLOBS) return false;
  const isNamed = artifactType === undefined || isExemptType(artifactType);
  const own = typeOf(config);
  if (!isNamed || ![config, ...layers].every(isUnambiguous)) return false;
  return (isExemptType(own) || matches(PLAIN, own)) && layers.map(typeOf).every(isExemptType);
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

function hasPlatform({ platform = NO_PLATFORM }: Named): boolean {
  return platform !== NO_PLATFORM;
}

function typeOf(part: unknown): unknown {
  return (part as Typed | null | undefined)?.mediaType;
}

function isExemptType(type: unknown): boolean {
  return matches(EXEMPT, type);
}

function matches(pattern: RegExp, type: unknown): boolean {
  return typeof type === "string" && pattern.test(type);
}
