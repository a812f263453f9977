// Maker of keyless.json: keyless signatures by @sigstore/mock's Fulcio, Rekor, certificate log and timestamp authority, and the trusted root that
// has them: `node test/signatures/support/make-keyless.ts`. Each part is stored by itself, so that tests can put forgeries together.
// What must count is checked with @sigstore/verify here, which works on Node.

import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { writeFileSync } from "node:fs";
import { bundleFromJSON } from "@sigstore/bundle";
import { initializeCA, initializeCTLog, initializeTLog, initializeTSA } from "@sigstore/mock";
import { TrustedRoot } from "@sigstore/protobuf-specs";
import { toSignedEntity, toTrustMaterial, Verifier } from "@sigstore/verify";

const MINUTE = 60_000;
/** In whole seconds, which timestamps have, and after the authorities' certificates, which begin when they are made. */
const NOW = new Date(Math.ceil(Date.now() / 1_000 + 10) * 1_000);
const LATER = new Date(NOW.getTime() + 120 * MINUTE);
const REKOR = "https://rekor.sigstore.mock";
const REKOR2 = "https://log2.rekor.sigstore.mock";
const ISSUER = "https://token.actions.githubusercontent.com";
const IDENTITY = "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.0";
const IMAGE = `sha256:${createHash("sha256").update("an image").digest("hex")}`;
const OTHER = `sha256:${createHash("sha256").update("another image").digest("hex")}`;

const ecdsa = (namedCurve = "P-256") => generateKeyPairSync("ec", { namedCurve });
const spki = (key: KeyObject) => key.export({ type: "spki", format: "der" });
const base64 = (bytes: ArrayBufferView) =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
const sha256 = (...parts: Uint8Array[]) =>
  createHash("sha256").update(Buffer.concat(parts)).digest();

const keys = { ca: ecdsa("P-384"), ct: ecdsa(), rekor: ecdsa(), tsa: ecdsa() };
const rekor2 = generateKeyPairSync("ed25519");
const ctlog = await initializeCTLog(keys.ct, NOW);
const ca = await initializeCA(keys.ca, ctlog, NOW);
const caWithoutLog = await initializeCA(keys.ca, undefined, NOW);
const caOfOtherLog = await initializeCA(keys.ca, await initializeCTLog(ecdsa(), NOW), NOW);
const otherCa = await initializeCA(ecdsa("P-384"), ctlog, NOW);
const tsa = await initializeTSA(keys.tsa, new Date(NOW.getTime() + MINUTE));
const otherTsa = await initializeTSA(ecdsa(), NOW);

const validFor = { start: new Date(NOW.getTime() - 24 * 60 * MINUTE).toISOString() };
const logOf = (baseUrl: string, key: KeyObject, keyDetails: string) => ({
  baseUrl,
  hashAlgorithm: "SHA2_256",
  publicKey: { rawBytes: spki(key).toString("base64"), keyDetails, validFor },
  logId: { keyId: sha256(spki(key)).toString("base64") },
});
const root = {
  mediaType: "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
  tlogs: [
    logOf(REKOR, keys.rekor.publicKey, "PKIX_ECDSA_P256_SHA_256"),
    logOf(REKOR2, rekor2.publicKey, "PKIX_ED25519"),
  ],
  certificateAuthorities: [
    {
      subject: { organization: "sigstore.mock", commonName: "sigstore" },
      uri: "https://fulcio.sigstore.mock",
      certChain: { certificates: [{ rawBytes: base64(ca.rootCertificate) }] },
      validFor,
    },
  ],
  ctlogs: [logOf("https://ctfe.sigstore.mock", keys.ct.publicKey, "PKIX_ECDSA_P256_SHA_256")],
  timestampAuthorities: [
    {
      subject: { organization: "sigstore.mock", commonName: "tsa" },
      uri: "https://tsa.sigstore.mock",
      certChain: {
        certificates: [
          { rawBytes: base64(tsa.intCertificate) },
          { rawBytes: base64(tsa.rootCertificate) },
        ],
      },
      validFor,
    },
  ],
};

const signer = ecdsa();
type Authority = typeof ca;
const certificateOf = async (
  authority: Authority,
  given: { identity?: string; issuer?: string; old?: string; key?: KeyObject } = {},
) => {
  const { identity = IDENTITY, issuer = ISSUER, key = signer.publicKey } = given;
  const { old = issuer } = given;
  const certificate = await authority.issueCertificate({
    publicKey: spki(key),
    subjectAltName: identity,
    extensions: [
      ...(old ? [{ oid: "1.3.6.1.4.1.57264.1.1", value: old, legacy: true }] : []),
      ...(issuer ? [{ oid: "1.3.6.1.4.1.57264.1.8", value: issuer }] : []),
    ],
  });
  return base64(certificate);
};

const certificates: Record<string, string> = {
  good: await certificateOf(ca),
  "old issuer alone": await certificateOf(ca, { issuer: "", old: ISSUER }),
  "new issuer alone": await certificateOf(ca, { old: "" }),
  "two issuers": await certificateOf(ca, { old: "https://evil.example" }),
  "no issuer": await certificateOf(ca, { issuer: "", old: "" }),
  "another issuer": await certificateOf(ca, { issuer: `${ISSUER}/` }),
  "identity within": await certificateOf(ca, { identity: `https://evil.example/${IDENTITY}` }),
  "identity before": await certificateOf(ca, { identity: `${IDENTITY}/../../evil` }),
  "another identity": await certificateOf(ca, { identity: IDENTITY.replace("acme", "evil") }),
  "without SCT": await certificateOf(caWithoutLog),
  "SCT of another log": await certificateOf(caOfOtherLog),
  "another authority": await certificateOf(otherCa),
  "another key": await certificateOf(ca, { key: ecdsa().publicKey }),
};

const STATEMENT = "application/vnd.in-toto+json";
const statementOf = (image: string) =>
  Buffer.from(
    JSON.stringify({
      _type: "https://in-toto.io/Statement/v1",
      subject: [{ digest: { sha256: image.slice("sha256:".length) } }],
      predicateType: "https://sigstore.dev/cosign/sign/v1",
      predicate: {},
    }),
  );
const paeOf = (payload: Buffer) =>
  Buffer.concat([
    Buffer.from(`DSSEv1 ${STATEMENT.length} ${STATEMENT} ${payload.length} `),
    payload,
  ]);
const payloadOf = (image: string) =>
  Buffer.from(
    JSON.stringify({
      critical: {
        identity: { "docker-reference": "" },
        image: { "docker-manifest-digest": image },
        type: "cosign container image signature",
      },
      optional: null,
    }),
  );

const pemOf = (certificate: string) =>
  Buffer.from(`-----BEGIN CERTIFICATE-----\n${certificate}\n-----END CERTIFICATE-----\n`).toString(
    "base64",
  );

/** Contents of Rekor's entries, by kind and version. */
const bodies = {
  hashedrekord1: (data: Buffer, signature: string, certificate: string) => ({
    kind: "hashedrekord",
    apiVersion: "0.0.1",
    spec: {
      data: { hash: { algorithm: "sha256", value: sha256(data).toString("hex") } },
      signature: { content: signature, publicKey: { content: pemOf(certificate) } },
    },
  }),
  dsse1: (payload: Buffer, signature: string, certificate: string) => ({
    kind: "dsse",
    apiVersion: "0.0.1",
    spec: {
      envelopeHash: { algorithm: "sha256", value: "00" },
      payloadHash: { algorithm: "sha256", value: sha256(payload).toString("hex") },
      signatures: [{ signature, verifier: pemOf(certificate) }],
    },
  }),
  hashedrekord2: (data: Buffer, signature: string, certificate: string) => ({
    apiVersion: "0.0.2",
    kind: "hashedrekord",
    spec: {
      hashedRekordV002: {
        data: { algorithm: "SHA2_256", digest: sha256(data).toString("base64") },
        signature: {
          content: signature,
          verifier: {
            keyDetails: "PKIX_ECDSA_P256_SHA_256",
            x509Certificate: { rawBytes: certificate },
          },
        },
      },
    },
  }),
  dsse2: (payload: Buffer, signature: string, certificate: string) => ({
    apiVersion: "0.0.2",
    kind: "dsse",
    spec: {
      dsseV002: {
        payloadHash: { algorithm: "SHA2_256", digest: sha256(payload).toString("base64") },
        signatures: [
          {
            content: signature,
            verifier: {
              keyDetails: "PKIX_ECDSA_P256_SHA_256",
              x509Certificate: { rawBytes: certificate },
            },
          },
        ],
      },
    },
  }),
};

interface Made {
  body: string;
  integratedTime: number;
  logID: string;
  logIndex: number;
  verification: {
    inclusionProof: { rootHash: string; checkpoint: string };
    signedEntryTimestamp: string;
  };
}

/** A log entry of Rekor 1, with a promise and a proof, as the mock makes it. */
async function entryOf(body: { kind: string; apiVersion: string }, at = NOW, key = keys.rekor) {
  const log = await initializeTLog(REKOR, key, at);
  const [made] = Object.values(await log.log(body)) as unknown as [Made];
  const proof = made.verification.inclusionProof;
  return {
    logIndex: String(made.logIndex),
    logId: { keyId: Buffer.from(made.logID, "hex").toString("base64") },
    kindVersion: { kind: body.kind, version: body.apiVersion },
    integratedTime: String(made.integratedTime),
    inclusionPromise: { signedEntryTimestamp: made.verification.signedEntryTimestamp },
    inclusionProof: {
      logIndex: "0",
      treeSize: "1",
      rootHash: Buffer.from(proof.rootHash, "hex").toString("base64"),
      hashes: [] as string[],
      checkpoint: { envelope: proof.checkpoint },
    },
    canonicalizedBody: made.body,
  };
}

/** A log entry of Rekor 2: no promise and no time, in a tree with others. */
function entry2Of(body: { kind: string; apiVersion: string }, index: number, size: number) {
  const canonical = Buffer.from(JSON.stringify(body));
  const leaves = Array.from({ length: size }, (_, at) =>
    sha256(Buffer.of(0), at === index ? canonical : Buffer.from(`leaf ${at}`)),
  );
  // RFC 6962, 2.1.
  const half = (count: number) => 2 ** Math.ceil(Math.log2(count) - 1);
  const hashOf = (some: Buffer[]): Buffer => {
    if (some.length === 1) return some[0] as Buffer;
    const at = half(some.length);
    return sha256(Buffer.of(1), hashOf(some.slice(0, at)), hashOf(some.slice(at)));
  };
  const pathOf = (at: number, some: Buffer[]): Buffer[] => {
    if (some.length === 1) return [];
    const middle = half(some.length);
    return at < middle
      ? [...pathOf(at, some.slice(0, middle)), hashOf(some.slice(middle))]
      : [...pathOf(at - middle, some.slice(middle)), hashOf(some.slice(0, middle))];
  };
  const rootHash = hashOf(leaves).toString("base64");
  const keyId = sha256(spki(rekor2.publicKey));
  const name = new URL(REKOR2).host;
  const note = `${name}\n${size}\n${rootHash}\n`;
  const signature = sign(null, Buffer.from(note), rekor2.privateKey);
  const line = Buffer.concat([keyId.subarray(0, 4), signature]).toString("base64");
  return {
    logIndex: String(index),
    logId: { keyId: keyId.toString("base64") },
    kindVersion: { kind: body.kind, version: body.apiVersion },
    integratedTime: "0",
    inclusionProof: {
      logIndex: String(index),
      treeSize: String(size),
      rootHash,
      hashes: pathOf(index, leaves).map((hash) => hash.toString("base64")),
      checkpoint: { envelope: `${note}\n\u2014 ${name} ${line}\n` },
    },
    canonicalizedBody: canonical.toString("base64"),
  };
}

async function timestampOf(signature: string, authority = tsa): Promise<string> {
  const stamp = await authority.timestamp({
    artifactHash: sha256(Buffer.from(signature, "base64")),
    hashAlgorithmOID: "2.16.840.1.101.3.4.2.1",
    nonce: 1,
    policyOID: "1.3.6.1.4.1.57264.2",
  });
  return base64(stamp);
}

const signed = (data: Buffer) => sign("sha256", data, signer.privateKey).toString("base64");
const good = certificates.good as string;

/** A signature over a payload or a statement, with an entry of Rekor 1. */
async function signedOf(image: string, certificate: string, isEnvelope: boolean) {
  const payload = isEnvelope ? statementOf(image) : payloadOf(image);
  const data = isEnvelope ? paeOf(payload) : payload;
  const signature = signed(data);
  const body1 = isEnvelope
    ? bodies.dsse1(payload, signature, certificate)
    : bodies.hashedrekord1(data, signature, certificate);
  const entry = await entryOf(body1);
  return { payload: payload.toString("base64"), signature, entry, data, body1 };
}

type Parts = Record<string, unknown> & { payload: string; signature: string; entry: object };

/** The same with other entries and timestamps. */
async function partsOf(image: string, certificate: string, isEnvelope: boolean): Promise<Parts> {
  const { payload: text, data, body1, ...rest } = await signedOf(image, certificate, isEnvelope);
  const { signature } = rest;
  const payload = Buffer.from(text, "base64");
  return {
    payload: text,
    ...rest,
    "entry, later": await entryOf(body1, LATER),
    "entry of another log": await entryOf(body1, NOW, ecdsa()),
    "entry of hashedrekord": await entryOf(bodies.hashedrekord1(data, signature, certificate)),
    "entry 2 of hashedrekord": entry2Of(bodies.hashedrekord2(data, signature, certificate), 5, 7),
    "entry 2 of dsse": entry2Of(bodies.dsse2(payload, signature, certificate), 0, 6),
    "entry 2, the last": entry2Of(bodies.hashedrekord2(data, signature, certificate), 12, 13),
    timestamp: await timestampOf(signature),
    "timestamp, later": await timestampOf(signature, await initializeTSA(keys.tsa, LATER)),
    "timestamp of another authority": await timestampOf(signature, otherTsa),
  };
}

const envelopes: Record<string, Parts> = {};
for (const [name, certificate] of Object.entries(certificates)) {
  const { payload, signature, entry } = await signedOf(IMAGE, certificate, true);
  envelopes[name] = { payload, signature, entry };
}
envelopes.good = await partsOf(IMAGE, good, true);
envelopes["another image"] = await partsOf(OTHER, good, true);
const payloads = {
  good: await partsOf(IMAGE, good, false),
  "another image": await partsOf(OTHER, good, false),
};

/** What must count does so by the library too. */
function check(entry: object, timestamps: string[]): void {
  const { payload, signature } = envelopes.good ?? {};
  const bundle = bundleFromJSON({
    mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
    verificationMaterial: {
      certificate: { rawBytes: good },
      tlogEntries: [entry],
      timestampVerificationData: {
        rfc3161Timestamps: timestamps.map((signedTimestamp) => ({ signedTimestamp })),
      },
    },
    dsseEnvelope: { payload, payloadType: STATEMENT, signatures: [{ sig: signature }] },
  });
  new Verifier(toTrustMaterial(TrustedRoot.fromJSON(root))).verify(toSignedEntity(bundle));
}
const { timestamp: stamp, ...others } = envelopes.good;
check(others.entry, []);
for (const name of [
  "entry of hashedrekord",
  "entry 2 of hashedrekord",
  "entry 2 of dsse",
  "entry 2, the last",
])
  check(others[name] as object, [stamp as string]);

/** A payload by a key pair, with an entry that names the key, and one that names another. */
const pemText = (key: KeyObject) => key.export({ type: "spki", format: "pem" }).toString();
const pair = ecdsa();
const byKey = payloadOf(IMAGE);
const keySignature = sign("sha256", byKey, pair.privateKey).toString("base64");
const keyEntryOf = async (key: KeyObject) => {
  const body = bodies.hashedrekord1(byKey, keySignature, good);
  body.spec.signature.publicKey.content = Buffer.from(pemText(key)).toString("base64");
  return entryOf(body);
};
const logged = {
  key: pemText(pair.publicKey),
  payload: byKey.toString("base64"),
  signature: keySignature,
  entry: await keyEntryOf(pair.publicKey),
  "entry of another key": await keyEntryOf(ecdsa().publicKey),
};

const file = { at: NOW.getTime(), image: IMAGE, other: OTHER, issuer: ISSUER, identity: IDENTITY };
writeFileSync(
  new URL("../keyless.json", import.meta.url).pathname,
  `${JSON.stringify({ ...file, root, certificates, envelopes, payloads, logged }, undefined, 1)}\n`,
);
