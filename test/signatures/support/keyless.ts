// Keyless bundles and .sig artifacts, made of the fixtures.

import type { Signer } from "../../../src/config/verify.ts";
import type { Digest } from "../../../src/oci/digest.ts";
import {
  PAYLOAD_TYPE,
  type Question,
  type SignatureArtifact,
} from "../../../src/signatures/contract.ts";
import { verifySignatures } from "../../../src/signatures/open.ts";
import keyless from "../keyless.json" with { type: "json" };
import { artifactWith, byAll, bytesOf, NOW } from "./cosign.ts";
import { bundleOf } from "./signing.ts";

export interface Entry {
  logId: { keyId: string };
  logIndex: string;
  kindVersion: { kind: string; version: string };
  integratedTime: string;
  inclusionPromise?: { signedEntryTimestamp: string };
  inclusionProof: {
    logIndex: string;
    treeSize: string;
    rootHash: string;
    hashes: string[];
    checkpoint: { envelope: string };
  };
  canonicalizedBody: string;
}
export type Parts = Record<string, unknown> & { payload: string; signature: string; entry: Entry };

export const { at, identity, image, issuer, other, root } = keyless;
export const certificates: Record<string, string> = keyless.certificates;
export const envelopes = keyless.envelopes as unknown as Record<string, Parts>;
export const payloads = keyless.payloads as unknown as Record<string, Parts>;
export const good = envelopes.good as Parts;
export const entryOf = (name: string) => good[name] as Entry;
export const stampOf = (name: string) => good[name] as string;

export const signer = {
  kind: "keyless",
  issuer,
  identity: "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/*",
} satisfies Signer;

export interface Bundle {
  certificate?: string;
  entries?: object[];
  timestamps?: string[];
  parts?: Parts;
}

export function bundle({
  certificate = certificates.good as string,
  parts = good,
  entries = [parts.entry],
  timestamps = [],
}: Bundle): SignatureArtifact {
  return bundleOf(
    {
      certificate: { rawBytes: certificate },
      tlogEntries: entries,
      timestampVerificationData: {
        rfc3161Timestamps: timestamps.map((signedTimestamp) => ({ signedTimestamp })),
      },
    },
    {
      dsseEnvelope: {
        payload: parts.payload,
        payloadType: "application/vnd.in-toto+json",
        signatures: [{ sig: parts.signature }],
      },
    },
  );
}

export const ask = (artifact: SignatureArtifact, over: Partial<Question> = {}): Question => ({
  image: image as Digest,
  entry: byAll(signer),
  signers: { pems: {}, root: JSON.stringify(root) },
  artifacts: [artifact],
  now: NOW,
  ...over,
});
export const judged = (given: Bundle, over: Partial<Question> = {}) =>
  verifySignatures(ask(bundle(given), over));
export const reasonsOf = async (asked: Question) => {
  const outcome = await verifySignatures(asked);
  return outcome.verdict === "invalid" ? outcome.reasons.join("\n") : outcome;
};
export const reasons = (given: Bundle, over: Partial<Question> = {}) =>
  reasonsOf(ask(bundle(given), over));

export const pemOf = (certificate: string | undefined) =>
  certificate && `-----BEGIN CERTIFICATE-----\n${certificate}\n-----END CERTIFICATE-----\n`;
export const annotationOf = (entry: Entry) =>
  JSON.stringify({
    SignedEntryTimestamp: entry.inclusionPromise?.signedEntryTimestamp,
    Payload: {
      body: entry.canonicalizedBody,
      integratedTime: Number(entry.integratedTime),
      logIndex: Number(entry.logIndex),
      logID: Buffer.from(entry.logId.keyId, "base64").toString("hex"),
    },
  });

/** An artifact of a `.sig` tag. @param over annotations in place of its own */
export function sig(
  parts: Parts,
  entry: Entry | undefined,
  certificate: string | undefined,
  over: Record<string, string | undefined> = {},
): SignatureArtifact {
  const annotations = {
    "dev.cosignproject.cosign/signature": parts.signature,
    "dev.sigstore.cosign/certificate": pemOf(certificate),
    "dev.sigstore.cosign/bundle": entry && annotationOf(entry),
    ...over,
  };
  const given = Object.entries(annotations).filter((one): one is [string, string] => !!one[1]);
  const bytes = bytesOf(parts.payload);
  return artifactWith({ mediaType: PAYLOAD_TYPE, bytes, annotations: Object.fromEntries(given) });
}
