// Reading of the material: each signature that it holds becomes a candidate, or the reason why it is of no use. Attestations are left out.

import { bundleFromJSON, type TransparencyLogEntry } from "@sigstore/bundle";
import { dsse } from "@sigstore/core";
import { z } from "zod";
import { algorithmOf, type Digest } from "../oci/digest.ts";
import { digestOf } from "../oci/hash.ts";
import type { Candidate, SigstoreCandidate } from "./candidates.ts";
import { checkPayload, checkStatement, jsonOf, predicateOf, STATEMENT_TYPE } from "./claims.ts";
import {
  MAX_ARTIFACTS,
  MAX_BLOB_BYTES,
  MAX_SIGNATURES,
  type Question,
  SIGNATURE_PREDICATE,
  type SignatureArtifact,
} from "./contract.ts";
import { excessOf, type Format, isReadable, type Layer, signatureManifestIn } from "./manifests.ts";
import { certificateOf } from "./pem.ts";
import { reasonOf, refuse, refusing } from "./refusal.ts";

export interface Material {
  candidates: Candidate[];
  /** There is more than was examined. */
  isCut: boolean;
}

/** The candidates of a question: at most MAX_SIGNATURES that are verified. Never throws. */
export function candidatesIn({ artifacts, image, manifest }: Question): Material {
  const candidates: Candidate[] = [];
  let isCut = artifacts.length > MAX_ARTIFACTS;
  for (const artifact of artifacts.slice(0, MAX_ARTIFACTS)) {
    const excess = excessOf(artifact.manifest);
    if (excess !== undefined)
      candidates.push({
        format: "none",
        artifact: artifact.digest,
        why: `is in a manifest that ${excess}`,
      });
    const read = signatureManifestIn(artifact.manifest);
    if (read?.isCut) isCut = true;
    for (const layer of read?.layers ?? []) {
      if (candidates.length >= MAX_SIGNATURES) return { candidates, isCut: true };
      const candidate = candidateIn(
        { artifact, layer, image, manifest },
        read?.format ?? "payload",
      );
      if (candidate) candidates.push(candidate);
    }
  }
  return { candidates, isCut };
}

interface Place {
  artifact: SignatureArtifact;
  layer: Layer;
  image: Digest;
  manifest: Uint8Array | undefined;
}

function candidateIn(place: Place, format: Format): Candidate | undefined {
  const { artifact, layer } = place;
  const bad = (why: string): Candidate => ({ format: "none", artifact: artifact.digest, why });
  if (!isReadable(layer)) return bad(`is larger than ${MAX_BLOB_BYTES} bytes`);
  const bytes = artifact.blobs.get(layer.digest);
  if (!bytes) return bad("could not be read");
  if (bytes.byteLength > MAX_BLOB_BYTES) return bad(`is larger than ${MAX_BLOB_BYTES} bytes`);
  try {
    switch (format) {
      case "payload":
        return payloadIn(place, bytes);
      case "bundle":
        return bundleIn(place, bytes);
      case "notation":
        if (layer.mediaType === "application/cose")
          return bad("is a COSE envelope, which is not supported: notation writes JWS by default");
        return { format, artifact: artifact.digest, envelope: bytes };
    }
  } catch (error) {
    return bad(reasonOf(error));
  }
}

const ANNOTATIONS = {
  signature: "dev.cosignproject.cosign/signature",
  certificate: "dev.sigstore.cosign/certificate",
  entry: "dev.sigstore.cosign/bundle",
  timestamp: "dev.sigstore.cosign/rfc3161timestamp",
};

const base64 = z.base64().transform((text) => Buffer.from(text, "base64"));

const entrySchema = z.object({
  SignedEntryTimestamp: base64,
  Payload: z.object({
    body: base64,
    integratedTime: z.int(),
    logIndex: z.int(),
    logID: z.hex().transform((text) => Buffer.from(text, "hex")),
  }),
});
const timestampSchema = z.object({ SignedRFC3161Timestamp: base64 });
const kindSchema = z.object({ kind: z.string(), apiVersion: z.string() });

/** A layer of a `.sig` manifest: the payload, and all else in annotations. */
function payloadIn({ artifact, layer, image }: Place, bytes: Uint8Array): SigstoreCandidate {
  const { annotations } = layer;
  const { data: signature } = base64.safeParse(annotations[ANNOTATIONS.signature]);
  if (!signature) refuse("has no signature beside its payload");
  checkPayload(bytes, image);
  const pem = annotations[ANNOTATIONS.certificate];
  const certificate = pem ? certificateOf(pem) : undefined;
  if (pem && !certificate) refuse("has a malformed certificate");
  const entry = annotations[ANNOTATIONS.entry];
  const timestamp = annotations[ANNOTATIONS.timestamp];
  return {
    format: "sigstore",
    artifact: artifact.digest,
    data: Buffer.from(bytes),
    signature,
    ...(certificate && { certificate }),
    entries: entry ? [entryIn(entry)] : [],
    timestamps: timestamp ? [timestampIn(timestamp)] : [],
  };
}

function entryIn(text: string): TransparencyLogEntry {
  const { data } = entrySchema.safeParse(jsonOf(Buffer.from(text)));
  const kind = kindSchema.safeParse(data && jsonOf(data.Payload.body)).data;
  if (!data || !kind) refuse("has a malformed log entry");
  const { body, integratedTime, logIndex, logID } = data.Payload;
  return {
    logIndex: String(logIndex),
    logId: { keyId: logID },
    kindVersion: { kind: kind.kind, version: kind.apiVersion },
    integratedTime: String(integratedTime),
    inclusionPromise: { signedEntryTimestamp: data.SignedEntryTimestamp },
    inclusionProof: undefined,
    canonicalizedBody: body,
  };
}

function timestampIn(text: string): Buffer {
  const { data } = timestampSchema.safeParse(jsonOf(Buffer.from(text)));
  if (!data) refuse("has a malformed timestamp");
  return data.SignedRFC3161Timestamp;
}

/** A sigstore bundle; undefined for an attestation. */
function bundleIn(place: Place, bytes: Uint8Array): SigstoreCandidate | undefined {
  const json = jsonOf(bytes);
  const bundle = refusing("has a malformed bundle", () => bundleFromJSON(json));
  const { content, verificationMaterial: material } = bundle;
  const signed =
    content.$case === "dsseEnvelope"
      ? envelopeIn(content.dsseEnvelope, place.image)
      : manifestIn(content.messageSignature, place);
  if (!signed) return undefined;
  const stamps = material.timestampVerificationData?.rfc3161Timestamps ?? [];
  const certificate = certificateIn(material.content);
  return {
    format: "sigstore",
    artifact: place.artifact.digest,
    ...signed,
    ...(certificate && { certificate }),
    entries: material.tlogEntries,
    timestamps: stamps.map(({ signedTimestamp }) => signedTimestamp),
  };
}

/** The signer's certificate; bundles before v0.3 have a chain. */
function certificateIn(content: Bundle["verificationMaterial"]["content"]): Buffer | undefined {
  switch (content.$case) {
    case "certificate":
      return content.certificate.rawBytes;
    case "x509CertificateChain":
      return content.x509CertificateChain.certificates[0]?.rawBytes;
    case "publicKey":
      return undefined;
  }
}

type Bundle = ReturnType<typeof bundleFromJSON>;
type Content<Case> = Extract<Bundle["content"], { $case: Case }>;
type Contents = Pick<SigstoreCandidate, "data" | "envelope" | "signature">;

function envelopeIn(
  { payload, payloadType, signatures }: Content<"dsseEnvelope">["dsseEnvelope"],
  image: Digest,
): Contents | undefined {
  const predicate = payloadType === STATEMENT_TYPE ? predicateOf(payload) : undefined;
  if (predicate !== undefined && predicate !== SIGNATURE_PREDICATE) return undefined;
  const [one, ...others] = signatures;
  if (!one || others.length > 0) refuse("has an envelope without exactly one signature");
  checkStatement(payloadType, payload, image);
  const data = dsse.preAuthEncoding(payloadType, payload);
  return { data, envelope: payload, signature: one.sig };
}

/** A signature over the image's manifest itself. */
function manifestIn(
  { signature }: Content<"messageSignature">["messageSignature"],
  { image, manifest }: Place,
): Contents {
  if (!manifest) refuse("signs the manifest itself, which is not at hand");
  if (digestOf(manifest, algorithmOf(image)) !== image) refuse("is of another image");
  return { data: Buffer.from(manifest), signature };
}
