// Signature manifests: their format and the layers that hold signatures, read from foreign JSON.

import { z } from "zod";
import { excessIn } from "../oci/bounds.ts";
import { type Digest, isDigest } from "../oci/digest.ts";
import { parseObject } from "../oci/json.ts";
import {
  BUNDLE_TYPE,
  COSIGN_TYPE,
  MAX_ARTIFACT_BYTES,
  MAX_BLOB_BYTES,
  MAX_SIGNATURES,
  NOTATION_TYPE,
  PAYLOAD_TYPE,
} from "./contract.ts";

/** payload: cosign's, each layer with its signature in annotations. */
export type Format = "payload" | "bundle" | "notation";

export interface Layer {
  digest: Digest;
  size: number;
  mediaType: string;
  annotations: Readonly<Record<string, string>>;
}

export interface SignatureManifest {
  format: Format;
  /** Those that are, by their type, signatures; at most MAX_SIGNATURES. */
  layers: Layer[];
  /** There are more. */
  isCut: boolean;
}

/** Bundles of all versions: an unknown one is a signature that this version cannot read, and not none. */
const BUNDLES = /^application\/vnd\.dev\.sigstore\.bundle[.+]/;
const ENVELOPES = /^application\/(jose\+json|cose)$/;

const LAYERS: Readonly<Record<Format, (mediaType: string) => boolean>> = {
  payload: (mediaType) => mediaType === PAYLOAD_TYPE,
  bundle: (mediaType) => BUNDLES.test(mediaType),
  notation: (mediaType) => ENVELOPES.test(mediaType),
};

function schemasOf() {
  const manifestSchema = z.object({
    artifactType: z.unknown().optional(),
    config: z.object({ mediaType: z.unknown().optional() }).optional().catch(undefined),
    layers: z.array(z.unknown()),
  });

  const layerSchema = z.object({
    mediaType: z.string(),
    digest: z.string().refine(isDigest),
    size: z.int().min(0),
    annotations: z.record(z.string(), z.string()).optional().catch(undefined),
  });
  return { manifestSchema, layerSchema };
}

/** Built when the first manifest is read, since each isolate loads this file. */
let schemas: ReturnType<typeof schemasOf> | undefined;

/** Why a manifest is not read at all, as the end of a sentence that begins with "its manifest"; undefined if it is. */
export function excessOf(manifest: Uint8Array): string | undefined {
  return manifest.byteLength > MAX_ARTIFACT_BYTES
    ? `is larger than ${MAX_ARTIFACT_BYTES} bytes`
    : excessIn(manifest);
}

/** Reads a manifest; undefined for one that holds nothing which claims to be a signature. */
export function signatureManifestIn(manifest: Uint8Array): SignatureManifest | undefined {
  if (excessOf(manifest) !== undefined) return undefined;
  schemas ??= schemasOf();
  const { manifestSchema, layerSchema } = schemas;
  const { data } = manifestSchema.safeParse(parseObject(manifest));
  if (!data) return undefined;
  const format = formatOf(data.artifactType) ?? formatOf(data.config?.mediaType) ?? "payload";
  const layers: Layer[] = [];
  for (const one of data.layers) {
    const layer = layerSchema.safeParse(one).data;
    if (!layer || !LAYERS[format](layer.mediaType)) continue;
    if (layers.length >= MAX_SIGNATURES) return { format, layers, isCut: true };
    layers.push({ ...layer, annotations: layer.annotations ?? {} });
  }
  return layers.length > 0 ? { format, layers, isCut: false } : undefined;
}

/** The format by an artifact type; undefined for other types, such as that of the config of a `.sig` tag. */
export function formatOf(artifactType: unknown): Format | undefined {
  if (typeof artifactType !== "string") return undefined;
  if (artifactType === NOTATION_TYPE) return "notation";
  if (artifactType === COSIGN_TYPE) return "payload";
  return artifactType === BUNDLE_TYPE || BUNDLES.test(artifactType) ? "bundle" : undefined;
}

/** Whether a layer may be read at all. */
export function isReadable({ size }: Layer): boolean {
  return size <= MAX_BLOB_BYTES;
}
