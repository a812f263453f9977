// Signatures by a key pair of the tests, as cosign stores them: under the `.sig` tag, or as a bundle that refers to the image.

import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import type { Digest } from "../../src/oci/digest.ts";
import { BUNDLE_TYPE, PAYLOAD_TYPE } from "../../src/signatures/contract.ts";
import { signatureTag } from "../../src/signatures/open.ts";
import { envelopeOf, payloadOf, statementOf } from "../signatures/support/signing.ts";
import { fixture } from "./cache.ts";
import { EMPTY, type ManifestInfo, TYPES } from "./fixture.ts";
import type { Descriptor } from "./wire.ts";

export interface Keys {
  privateKey: KeyObject;
  /** As a variable that `key` names. */
  pem: string;
}

export function keyPair(): Keys {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return { privateKey, pem: publicKey.export({ type: "spki", format: "pem" }) as string };
}

/** Signs under the `.sig` tag. */
export async function signByTag(
  repository: string,
  { digest }: Pick<Descriptor, "digest">,
  { privateKey }: Keys,
  tag = signatureTag(digest as Digest),
): Promise<ManifestInfo> {
  const payload = JSON.stringify(payloadOf(digest as Digest));
  const signature = sign("sha256", Buffer.from(payload), privateKey).toString("base64");
  const config = await fixture.blob(repository, JSON.stringify({ rootfs: { type: "layers" } }));
  const layer = await fixture.blob(repository, payload);
  const annotations = { "dev.cosignproject.cosign/signature": signature };
  const manifest = {
    schemaVersion: 2,
    mediaType: TYPES.oci.manifest,
    config: { mediaType: TYPES.oci.config, ...config },
    layers: [{ mediaType: PAYLOAD_TYPE, ...layer, annotations }],
  };
  return fixture.manifest(repository, manifest, { tag });
}

/** Signs by a bundle that refers to the image. Without the referrers API it is listed under the fallback tag. */
export async function signByBundle(
  repository: string,
  subject: Descriptor,
  { privateKey }: Keys,
  api = true,
): Promise<ManifestInfo> {
  const envelope = envelopeOf(statementOf([subject.digest as Digest]), (data) =>
    sign("sha256", data, privateKey),
  );
  const material = { publicKey: { hint: "key" } };
  const bundle = { mediaType: BUNDLE_TYPE, verificationMaterial: material, ...envelope };
  const config = await fixture.blob(repository, EMPTY.content);
  const layer = await fixture.blob(repository, JSON.stringify(bundle));
  const manifest = {
    schemaVersion: 2,
    mediaType: TYPES.oci.manifest,
    artifactType: BUNDLE_TYPE,
    config: { mediaType: EMPTY.mediaType, ...config },
    layers: [{ mediaType: BUNDLE_TYPE, ...layer }],
    subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.size },
  };
  const signature = await fixture.manifest(repository, manifest);
  if (!api) {
    await fixture.settings(repository, { referrers: false });
    const listed = { ...signature, artifactType: BUNDLE_TYPE };
    const { mediaType, digest, size, artifactType } = listed;
    const index = {
      schemaVersion: 2,
      mediaType: TYPES.oci.index,
      manifests: [{ mediaType, digest, size, artifactType }],
    };
    await fixture.manifest(repository, index, { tag: subject.digest.replace(":", "-") });
  }
  return signature;
}
