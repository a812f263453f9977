// Signed content, put together by the tests: cosign's payloads, in-toto statements, DSSE envelopes and bundles.

import type { Digest } from "../../../src/oci/digest.ts";
import { BUNDLE_TYPE, type SignatureArtifact } from "../../../src/signatures/contract.ts";
import { artifactWith } from "./cosign.ts";

export type Sign = (data: Uint8Array) => Uint8Array;

export const PREDICATE = "https://sigstore.dev/cosign/sign/v1";
const STATEMENT = "application/vnd.in-toto+json";

export function payloadOf(image: Digest, type = "cosign container image signature") {
  return {
    critical: {
      identity: { "docker-reference": "registry.example.com/acme/app" },
      image: { "docker-manifest-digest": image },
      type,
    },
    optional: null,
  };
}

export function statementOf(subjects: Digest[], predicateType = PREDICATE) {
  return {
    _type: "https://in-toto.io/Statement/v1",
    subject: subjects.map((digest) => {
      const [algorithm = "", hex] = digest.split(":");
      return { digest: { [algorithm]: hex } };
    }),
    predicateType,
    predicate: {},
  };
}

/** The bytes that an envelope's signature is over. */
export function preAuthEncoding(payload: Uint8Array, payloadType = STATEMENT): Buffer {
  return Buffer.concat([
    Buffer.from(`DSSEv1 ${payloadType.length} ${payloadType} ${payload.length} `),
    payload,
  ]);
}

export function envelopeOf(statement: unknown, sign: Sign, payloadType = STATEMENT) {
  const payload = Buffer.from(JSON.stringify(statement));
  const sig = Buffer.from(sign(preAuthEncoding(payload, payloadType))).toString("base64");
  return {
    dsseEnvelope: { payload: payload.toString("base64"), payloadType, signatures: [{ sig }] },
  };
}

export function bundleOf(verificationMaterial: object, content: object): SignatureArtifact {
  const bundle = { mediaType: BUNDLE_TYPE, verificationMaterial, ...content };
  const bytes = new TextEncoder().encode(JSON.stringify(bundle));
  return artifactWith({ mediaType: BUNDLE_TYPE, bytes }, BUNDLE_TYPE);
}
