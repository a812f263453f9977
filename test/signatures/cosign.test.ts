// Signatures of the real cosign by key pairs, and forgeries of them.

import { generateKeyPairSync, sign } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { Digest } from "../../src/oci/digest.ts";
import { digestOf } from "../../src/oci/hash.ts";
import {
  BUNDLE_TYPE,
  COSIGN_TYPE,
  MAX_ARTIFACT_BYTES,
  MAX_ARTIFACTS,
  MAX_BLOB_BYTES,
  MAX_REASONS,
  MAX_SIGNATURES,
  PAYLOAD_TYPE,
  type Question,
  type SignatureArtifact,
} from "../../src/signatures/contract.ts";
import {
  blobsToRead,
  claimsSignature,
  signatureTag,
  verifySignatures,
  verifyVersion,
} from "../../src/signatures/open.ts";
import {
  artifactOf,
  artifactWith,
  artifactWithAll,
  byAll,
  byKey,
  imageOf,
  KEYS,
  question,
} from "./support/cosign.ts";
import { bundleOf, envelopeOf, payloadOf, statementOf } from "./support/signing.ts";

const KINDS = ["p256", "p384", "ed25519", "rsa"];
const WAYS = ["sig", "bundle", "oci11"];
const NAMES = KINDS.flatMap((kind) => WAYS.map((way) => `${kind} ${way}`));

const reasons = async (asked: Question) => {
  const outcome = await verifySignatures(asked);
  return outcome.verdict === "invalid" ? outcome.reasons.join("\n") : outcome;
};

describe("a signature by a key", () => {
  it.each(NAMES)("%s: counts", async (name) => {
    const [kind = ""] = name.split(" ");
    expect(await verifySignatures(question(name))).toEqual({
      verdict: "verified",
      by: [{ signer: `the key ${kind}`, artifact: artifactOf(name).digest }],
    });
  });

  it.each(NAMES)("%s: does not count for another image", async (name) => {
    const { digest } = imageOf(NAMES.find((other) => other !== name) as string);
    expect(await reasons(question(name, { image: digest }))).toContain("is of another image");
  });

  it.each(NAMES)("%s: does not count for another key", async (name) => {
    for (const kind of KINDS.filter((one) => !name.startsWith(one)))
      expect(await reasons(question(name, { entry: byAll(byKey(kind)) }))).toContain(
        `the key ${kind}: the signature in ${artifactOf(name).digest.slice(0, 19)} is by another key`,
      );
  });

  it.each(NAMES)("%s: does not count once a bit of it has changed", async (name) => {
    const artifact = artifactOf(name);
    for (const [digest, bytes] of artifact.blobs) {
      const text = new TextDecoder().decode(bytes);
      const changed = text.includes('"sig":"')
        ? text.replace(
            /("sig":".{20})./,
            (_, before) => `${before}${text.includes("x") ? "A" : "B"}`,
          )
        : text.replace("127.0.0.1", "127.0.0.2");
      expect(changed).not.toBe(text);
      const blobs = new Map([[digest, new TextEncoder().encode(changed)]]);
      expect(await reasons(question(name, { artifacts: [{ ...artifact, blobs }] }))).toContain(
        "is by another key, or of other bytes",
      );
    }
  });
});

const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
const own = pair.publicKey.export({ type: "spki", format: "pem" }).toString();
const signed = (data: Uint8Array) => sign("sha256", data, pair.privateKey);

const IMAGE: Digest = `sha256:${"1".repeat(64)}`;
const OTHER: Digest = `sha256:${"2".repeat(64)}`;
const ask = (artifacts: SignatureArtifact[], over: Partial<Question> = {}): Question => ({
  ...question("p256 sig"),
  image: IMAGE,
  entry: byAll(byKey("OWN")),
  signers: { pems: { ...KEYS, OWN: own } },
  artifacts,
  ...over,
});
const bySig = (payload: unknown, signature?: Uint8Array) => {
  const bytes = new TextEncoder().encode(JSON.stringify(payload));
  const text = Buffer.from(signature ?? signed(bytes)).toString("base64");
  const annotations = { "dev.cosignproject.cosign/signature": text };
  return artifactWith({ mediaType: PAYLOAD_TYPE, bytes, annotations });
};
const byBundle = (payload: unknown, type?: string) =>
  bundleOf({ publicKey: { hint: "" } }, envelopeOf(payload, signed, type));

describe("a payload", () => {
  it("counts by its digest, whatever name it has", async () => {
    expect(await verifySignatures(ask([bySig(payloadOf(IMAGE))]))).toMatchObject({
      verdict: "verified",
    });
  });

  it("counts for a digest by sha512", async () => {
    const image = digestOf(new Uint8Array(3), "sha512");
    expect(await verifySignatures(ask([bySig(payloadOf(image))], { image }))).toMatchObject({
      verdict: "verified",
    });
    expect(await reasons(ask([bySig(payloadOf(image))]))).toContain("is of another image");
  });

  it.each<{ title: string; payload: unknown; reason: string }>([
    {
      title: "of another type",
      payload: payloadOf(IMAGE, "atomic container signature"),
      reason: "of another type",
    },
    {
      title: "without an image",
      payload: { critical: { type: "cosign container image signature" } },
      reason: "not cosign",
    },
    { title: "that is no object", payload: [IMAGE], reason: "not cosign" },
    { title: "that is null", payload: null, reason: "not cosign" },
    {
      title: "that names the image elsewhere",
      payload: { ...payloadOf(OTHER), optional: { "docker-manifest-digest": IMAGE } },
      reason: `is of another image: ${OTHER}`,
    },
  ])("$title does not count, though it is signed", async ({ payload, reason }) => {
    expect(await reasons(ask([bySig(payload)]))).toContain(reason);
  });

  it("without a signature does not count", async () => {
    const bytes = new TextEncoder().encode(JSON.stringify(payloadOf(IMAGE)));
    expect(await reasons(ask([artifactWith({ mediaType: PAYLOAD_TYPE, bytes })]))).toContain(
      "has no signature beside its payload",
    );
  });
});

describe("a statement", () => {
  it("counts if one of its subjects is the image", async () => {
    for (const subjects of [[IMAGE], [OTHER, IMAGE], [IMAGE, OTHER]])
      expect(await verifySignatures(ask([byBundle(statementOf(subjects))]))).toMatchObject({
        verdict: "verified",
      });
  });

  it("counts for a digest by sha512", async () => {
    const image = digestOf(new Uint8Array(3), "sha512");
    expect(await verifySignatures(ask([byBundle(statementOf([image]))], { image }))).toMatchObject({
      verdict: "verified",
    });
  });

  it.each<[string, unknown]>([
    ["of others", statementOf([OTHER])],
    ["of none", statementOf([])],
    [
      "that has the digest under another algorithm",
      {
        ...statementOf([]),
        subject: [{ digest: { sha512: "1".repeat(64) } }],
      },
    ],
    [
      "that has the digest as a name",
      { ...statementOf([OTHER]), subject: [{ name: IMAGE, digest: {} }] },
    ],
  ])("%s is of another image", async (_, statement) => {
    expect(await reasons(ask([byBundle(statement)]))).toContain("is of another image");
  });

  it.each([
    "https://slsa.dev/provenance/v1",
    "https://sigstore.dev/cosign/sign/v2",
    "https://sigstore.dev/cosign/sign/v1/",
    "HTTPS://sigstore.dev/cosign/sign/v1",
  ])("with the predicateType %s is an attestation, and no signature", async (predicate) => {
    expect(await verifySignatures(ask([byBundle(statementOf([IMAGE], predicate))]))).toEqual({
      verdict: "unsigned",
    });
  });

  it.each<{ title: string; statement: unknown; type: string | undefined; reason: string }>([
    {
      title: "of another kind",
      statement: { ...statementOf([IMAGE]), _type: "x" },
      type: undefined,
      reason: "of another type: x",
    },
    {
      title: "in another envelope",
      statement: statementOf([IMAGE]),
      type: "text/plain",
      reason: "of another type: text/plain",
    },
    {
      title: "that is none",
      statement: { predicateType: "https://sigstore.dev/cosign/sign/v1" },
      type: undefined,
      reason: "without",
    },
    {
      title: "without a predicate",
      statement: { subject: [] },
      type: undefined,
      reason: "without an in-toto statement",
    },
  ])("$title does not count, though it is signed", async ({ statement, type, reason }) => {
    expect(await reasons(ask([byBundle(statement, type)]))).toContain(reason);
  });

  it("of the real cosign attest is no signature", async () => {
    const { digest: image } = imageOf("attested");
    const asked = question("p256 sig", { image, artifacts: [artifactOf("attestation")] });
    expect(await verifySignatures(asked)).toEqual({ verdict: "unsigned" });
  });
});

describe("a bundle that signs the manifest itself", () => {
  const manifest = new TextEncoder().encode('{"schemaVersion":2}');
  const image = digestOf(manifest);
  const digest = Buffer.from(image.slice(7), "hex").toString("base64");
  const messageSignature = {
    messageDigest: { algorithm: "SHA2_256", digest },
    signature: signed(manifest).toString("base64"),
  };
  const artifact = bundleOf({ publicKey: { hint: "" } }, { messageSignature });

  it("counts if the manifest is at hand", async () => {
    const asked = ask([artifact], { image, manifest });
    expect(await verifySignatures(asked)).toMatchObject({ verdict: "verified" });
    const wide = digestOf(manifest, "sha512");
    expect(await verifySignatures({ ...asked, image: wide })).toMatchObject({
      verdict: "verified",
    });
  });

  it("does not count without, or for another", async () => {
    expect(await reasons(ask([artifact], { image }))).toContain("which is not at hand");
    expect(await reasons(ask([artifact], { manifest }))).toContain("is of another image");
    const other = new TextEncoder().encode('{"schemaVersion":3}');
    expect(await reasons(ask([artifact], { image: digestOf(other), manifest: other }))).toContain(
      "is by another key, or of other bytes",
    );
  });
});

describe("an entry", () => {
  const mine = bySig(payloadOf(IMAGE));
  it("by all needs each signer", async () => {
    const entry = byAll(byKey("OWN"), byKey("p256"));
    expect(await reasons(ask([mine], { entry }))).toContain("the key p256");
    const both = byAll(byKey("OWN"), { ...byKey("OWN") });
    expect(await verifySignatures(ask([mine], { entry: both }))).toMatchObject({
      verdict: "verified",
      by: [{ signer: "the key OWN" }, { signer: "the key OWN" }],
    });
  });

  it("by any needs one", async () => {
    const entry = { images: ["**"], all: [], any: [byKey("p256"), byKey("OWN")] };
    expect(await verifySignatures(ask([mine], { entry }))).toMatchObject({
      verdict: "verified",
      by: [{ signer: "the key OWN" }],
    });
    const none = { ...entry, any: [byKey("p256"), byKey("p384")] };
    expect(await reasons(ask([mine], { entry: none }))).toMatch(/the key p256.*\n.*the key p384/);
  });

  it("by all and any needs both", async () => {
    const entry = { images: ["**"], all: [byKey("OWN")], any: [byKey("p256")] };
    expect(await reasons(ask([mine], { entry }))).toContain("the key p256");
  });

  it("whose key is missing cannot be decided", async () => {
    expect(await verifySignatures(ask([mine], { signers: { pems: {} } }))).toEqual({
      verdict: "undecided",
      reason: "the key OWN is missing or malformed",
    });
  });
});

describe("material", () => {
  const unread = "the upstream did not answer";
  it("that is empty means unsigned, unless it could not be read", async () => {
    expect(await verifySignatures(ask([]))).toEqual({ verdict: "unsigned" });
    expect(await verifySignatures(ask([], { unread }))).toEqual({
      verdict: "undecided",
      reason: unread,
    });
  });

  it("that is incomplete proves what it proves, and refuses nothing", async () => {
    const good = bySig(payloadOf(IMAGE));
    const bad = bySig(payloadOf(OTHER));
    expect(await verifySignatures(ask([bad, good], { unread }))).toMatchObject({
      verdict: "verified",
    });
    expect(await verifySignatures(ask([bad], { unread }))).toEqual({
      verdict: "undecided",
      reason: unread,
    });
  });

  it("of an image or an SBOM is no signature", async () => {
    for (const mediaType of ["application/vnd.oci.image.layer.v1.tar+gzip", "text/spdx+json"])
      expect(
        await verifySignatures(ask([artifactWith({ mediaType, bytes: new Uint8Array(5) })])),
      ).toEqual({ verdict: "unsigned" });
  });

  it("that lists many signatures is bounded, and says so", async () => {
    const bad = bySig(payloadOf(OTHER));
    const many = Array.from({ length: MAX_ARTIFACTS }, () => bad);
    const good = bySig(payloadOf(IMAGE));
    expect(await verifySignatures(ask([...many.slice(1), good]))).toMatchObject({
      verdict: "verified",
    });
    const told = await reasons(ask([...many, good]));
    expect(told).toContain("there are more signatures than are examined");
  });

  it("with many layers is bounded, and says so", async () => {
    const bytes = new TextEncoder().encode(JSON.stringify(payloadOf(OTHER)));
    const annotations = { "dev.cosignproject.cosign/signature": "AAAA" };
    const layers = Array.from({ length: 5_000 }, () => ({
      mediaType: PAYLOAD_TYPE,
      bytes,
      annotations,
    }));
    const artifact = artifactWithAll(layers.slice(0, MAX_SIGNATURES + 1));
    expect(await reasons(ask([artifact]))).toContain("more signatures than are examined");
    expect(blobsToRead(artifact.manifest)).toHaveLength(1);
    const exact = artifactWithAll(layers.slice(0, MAX_SIGNATURES));
    expect(await reasons(ask([exact]))).not.toContain("more signatures");
    expect(await reasons(ask([artifactWithAll(layers)]))).toContain(
      `is in a manifest that is larger than ${MAX_ARTIFACT_BYTES} bytes`,
    );
    const short = layers.map(() => ({ mediaType: "a/b", bytes: new Uint8Array() }));
    const many = artifactWithAll([...short, { mediaType: "a/b", bytes }]);
    expect(await reasons(ask([many]))).toContain("is in a manifest that names 5001 manifests and");
  });

  it("has at most so many reasons", async () => {
    const many = Array.from({ length: 20 }, (_, index) =>
      bySig({ ...payloadOf(OTHER), optional: { index } }),
    );
    const outcome = await verifySignatures(ask(many));
    expect(outcome).toMatchObject({ verdict: "invalid" });
    if (outcome.verdict !== "invalid") return;
    expect(outcome.reasons).toHaveLength(MAX_REASONS);
    expect(outcome.reasons.at(-1)).toBe("and 13 more");
  });

  it("that is too large is not read", async () => {
    const large = artifactWith({
      mediaType: PAYLOAD_TYPE,
      bytes: new Uint8Array(MAX_BLOB_BYTES + 1),
    });
    expect(blobsToRead(large.manifest)).toEqual([]);
    expect(await reasons(ask([large]))).toContain(`is larger than ${MAX_BLOB_BYTES} bytes`);
  });

  it("whose texts are hostile is told in one line", async () => {
    const type = "\u001b[2Jx\n\u202e".repeat(100);
    const outcome = await verifySignatures(ask([bySig(payloadOf(IMAGE, type))]));
    expect(outcome).toMatchObject({
      verdict: "invalid",
      // biome-ignore lint/suspicious/noControlCharactersInRegex: none may be told
      reasons: [expect.not.stringMatching(/[\u0000-\u001f\u202e]|.{301}/)],
    });
  });
});

describe("what to gather", () => {
  it("has cosign's tag", () => {
    expect(signatureTag(IMAGE)).toBe(`sha256-${"1".repeat(64)}.sig`);
  });

  it.each<{ title: string; descriptor: object; isOne: boolean }>([
    { title: "a bundle", descriptor: { artifactType: BUNDLE_TYPE }, isOne: true },
    { title: "cosign's own type", descriptor: { artifactType: COSIGN_TYPE }, isOne: true },
    {
      title: "notation's",
      descriptor: { artifactType: "application/vnd.cncf.notary.signature" },
      isOne: true,
    },
    {
      title: "a bundle of a later version",
      descriptor: {
        artifactType: "application/vnd.dev.sigstore.bundle.v0.4+json",
      },
      isOne: true,
    },
    {
      title: "a bundle that says it is a signature",
      descriptor: {
        artifactType: BUNDLE_TYPE,
        annotations: { "dev.sigstore.bundle.predicateType": "https://sigstore.dev/cosign/sign/v1" },
      },
      isOne: true,
    },
    {
      title: "a bundle that says it is an attestation",
      descriptor: {
        artifactType: BUNDLE_TYPE,
        annotations: { "dev.sigstore.bundle.predicateType": "https://slsa.dev/provenance/v1" },
      },
      isOne: false,
    },
    { title: "an SBOM", descriptor: { artifactType: "application/spdx+json" }, isOne: false },
    { title: "nothing", descriptor: {}, isOne: false },
    { title: "garbage", descriptor: { artifactType: 5, annotations: null }, isOne: false },
  ])("has referrers: $title", ({ descriptor, isOne }) => {
    expect(claimsSignature(descriptor)).toBe(isOne);
  });

  it.each(NAMES)("has the layers of %s", (name) => {
    const { blobs, manifest } = artifactOf(name);
    expect(blobsToRead(manifest).map(({ digest }) => digest)).toEqual([...blobs.keys()]);
  });
});

describe("the policy version", () => {
  const entry = byAll(byKey("p256"));
  const version = verifyVersion(entry, { pems: KEYS });
  it("stays while nothing changes, and whatever images it is for", () => {
    expect(version).toMatch(/^[0-9a-f]{32}$/);
    expect(verifyVersion({ ...entry, images: ["x"] }, { pems: { ...KEYS, other: "" } })).toBe(
      version,
    );
    // A root matters only where it is asked.
    expect(verifyVersion(entry, { pems: KEYS, root: "{}" })).toBe(version);
  });

  it("changes with the signers, their keys and the root that they need", () => {
    const logged = byAll(byKey("p256", true));
    const versions = [
      version,
      verifyVersion(byAll(byKey("p384")), { pems: KEYS }),
      verifyVersion(byAll(byKey("p256"), byKey("p384")), { pems: KEYS }),
      verifyVersion({ images: [], all: [], any: [byKey("p256")] }, { pems: KEYS }),
      verifyVersion(entry, { pems: { ...KEYS, p256: own } }),
      verifyVersion(logged, { pems: KEYS }),
      verifyVersion(logged, { pems: KEYS, root: "{}" }),
    ];
    expect(new Set(versions).size).toBe(versions.length);
  });
});
