// Garbage of every kind: verification never throws, and no garbage counts.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Digest } from "../../src/oci/digest.ts";
import {
  BUNDLE_TYPE,
  MAX_REASON,
  MAX_REASONS,
  NOTATION_TYPE,
  type Outcome,
  PAYLOAD_TYPE,
  type Question,
  type SignatureArtifact,
} from "../../src/signatures/contract.ts";
import { blobsToRead, claimsSignature, verifySignatures } from "../../src/signatures/open.ts";
import keyless from "./keyless.json" with { type: "json" };
import notation from "./notation.json" with { type: "json" };
import { artifactOf, artifactWith, byKey, imageOf, KEYS, NOW, stored } from "./support/cosign.ts";
import { bundleOf } from "./support/signing.ts";

/** As many runs as there is time for. */
const HOW = { numRuns: Number(import.meta.env.VITE_RUNS ?? 150), interruptAfterTimeLimit: 20_000 };

const keylessSigner = {
  kind: "keyless",
  issuer: keyless.issuer,
  identity: keyless.identity,
} as const;
const ask = (image: string, artifacts: SignatureArtifact[]): Question => ({
  image: image as Digest,
  entry: {
    images: ["**"],
    all: [],
    any: [byKey("p256"), byKey("ed25519"), keylessSigner, { kind: "certificate", name: "root" }],
  },
  signers: {
    pems: { ...KEYS, ...notation.certificates },
    root: JSON.stringify(keyless.root),
  },
  artifacts,
  now: NOW,
});

/** What every outcome keeps to. */
function check(outcome: Outcome): void {
  expect(outcome.verdict).not.toBe("undecided");
  if (outcome.verdict !== "invalid") return;
  expect(outcome.reasons.length).toBeGreaterThan(0);
  expect(outcome.reasons.length).toBeLessThanOrEqual(MAX_REASONS);
  for (const reason of outcome.reasons) {
    expect(reason.length).toBeLessThanOrEqual(MAX_REASON);
    expect(reason).not.toMatch(/\p{Cc}/u);
  }
}

const { good } = keyless.envelopes;
const bundle = {
  certificate: { rawBytes: keyless.certificates.good },
  tlogEntries: [good.entry],
  timestampVerificationData: { rfc3161Timestamps: [{ signedTimestamp: good.timestamp }] },
};
const dsseEnvelope = {
  payload: good.payload,
  payloadType: "application/vnd.in-toto+json",
  signatures: [{ sig: good.signature }],
};

/** Good ones, by their image. */
const GOOD: { title: string; image: string; artifact: SignatureArtifact }[] = [
  { title: "payload", image: imageOf("p256 sig").digest, artifact: artifactOf("p256 sig") },
  {
    title: "bundle by a key",
    image: imageOf("ed25519 bundle").digest,
    artifact: artifactOf("ed25519 bundle"),
  },
  { title: "keyless bundle", image: keyless.image, artifact: bundleOf(bundle, { dsseEnvelope }) },
  {
    title: "envelope of notation",
    image: notation.images.p256.digest,
    artifact: stored(notation.artifacts.p256),
  },
];

/** The text with one value of its JSON replaced or removed. */
function mutated(text: string, at: number, value: unknown): string {
  const root: unknown = JSON.parse(text);
  const places: [Record<string, unknown>, string][] = [];
  const walk = (node: unknown) => {
    if (typeof node !== "object" || node === null) return;
    for (const key of Object.keys(node)) {
      places.push([node as Record<string, unknown>, key]);
      walk((node as Record<string, unknown>)[key]);
    }
  };
  walk(root);
  const [node, key] = places[at % places.length] ?? [{}, ""];
  if (value === undefined) delete node[key];
  else node[key] = value;
  return JSON.stringify(root);
}

const junk = fc.oneof(
  fc.constant(undefined),
  fc.jsonValue(),
  fc.string(),
  fc.base64String({ maxLength: 400 }),
  fc.constantFrom("__proto__", "constructor", -1, 1e308, [], {}, [[]], "\u0000", "9".repeat(400)),
);

describe.each(GOOD)("a good $title", ({ image, artifact }) => {
  const [[digest, bytes]] = [...artifact.blobs] as [[Digest, Uint8Array]];
  const text = new TextDecoder().decode(bytes);

  it("counts", async () => {
    expect(await verifySignatures(ask(image, [artifact]))).toMatchObject({ verdict: "verified" });
  });

  it("in which a value is another never makes the verification throw", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), junk, async (at, value) => {
        const changed = new TextEncoder().encode(mutated(text, at, value));
        const blobs = new Map([[digest, changed]]);
        check(await verifySignatures(ask(image, [{ ...artifact, blobs }])));
      }),
      HOW,
    );
  });

  it("in which a byte is another, or that is cut, never does either", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.nat(255), fc.boolean(), async (at, byte, isCut) => {
        const changed = isCut ? bytes.slice(0, at % bytes.length) : bytes.slice();
        if (!isCut) changed[at % bytes.length] = byte;
        const blobs = new Map([[digest, changed]]);
        check(await verifySignatures(ask(image, [{ ...artifact, blobs }])));
      }),
      HOW,
    );
  });

  it("whose manifest is another never does either", async () => {
    const manifest = new TextDecoder().decode(artifact.manifest);
    await fc.assert(
      fc.asyncProperty(fc.nat(), junk, async (at, value) => {
        const changed = new TextEncoder().encode(mutated(manifest, at, value));
        blobsToRead(changed);
        check(await verifySignatures(ask(image, [{ ...artifact, manifest: changed }])));
      }),
      HOW,
    );
  });
});

describe("garbage", () => {
  const types = fc.constantFrom(
    PAYLOAD_TYPE,
    BUNDLE_TYPE,
    "application/jose+json",
    "application/cose",
  );
  const artifactTypes = fc.constantFrom(undefined, BUNDLE_TYPE, NOTATION_TYPE);
  const content = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.json().map((json) => new TextEncoder().encode(json)),
  );

  it("for a signature counts for nothing", async () => {
    await fc.assert(
      fc.asyncProperty(
        types,
        artifactTypes,
        content,
        junk,
        async (mediaType, type, bytes, note) => {
          const annotations = { "dev.cosignproject.cosign/signature": JSON.stringify(note) ?? "" };
          const artifact = artifactWith({ mediaType, bytes, annotations }, type);
          const outcome = await verifySignatures(ask(keyless.image, [artifact]));
          check(outcome);
          expect(outcome.verdict).not.toBe("verified");
        },
      ),
      HOW,
    );
  });

  it("for a manifest or a descriptor is no signature", async () => {
    await fc.assert(
      fc.asyncProperty(content, fc.jsonValue(), async (manifest, value) => {
        expect(blobsToRead(manifest)).toEqual([]);
        expect(claimsSignature({ artifactType: value, annotations: value })).toBe(false);
        const artifact = { digest: keyless.image as Digest, manifest, blobs: new Map() };
        expect(await verifySignatures(ask(keyless.image, [artifact]))).toEqual({
          verdict: "unsigned",
        });
      }),
      HOW,
    );
  });

  it("that is nested deeply does not exhaust the stack", async () => {
    const deep = (open: string, close: string) => open.repeat(100_000) + close.repeat(100_000);
    for (const text of [deep("[", "]"), deep('{"a":', "}").replace("}", "1}")])
      for (const mediaType of [PAYLOAD_TYPE, BUNDLE_TYPE, "application/jose+json"]) {
        const bytes = new TextEncoder().encode(text.slice(0, 200_000));
        const artifact = artifactWith({ mediaType, bytes }, BUNDLE_TYPE);
        check(await verifySignatures(ask(keyless.image, [artifact])));
      }
    // DER that nests: a sequence in a sequence, and so on.
    let der = Buffer.from([0x30, 0x00]);
    for (let depth = 0; depth < 10_000; depth++) {
      const { length } = der;
      const size = length < 128 ? [length] : [0x82, length >> 8, length & 255];
      der = Buffer.concat([Buffer.from([0x30, ...size]), der]);
      if (der.length > 60_000) break;
    }
    const artifact = bundleOf(
      { certificate: { rawBytes: der.toString("base64") }, tlogEntries: [] },
      { dsseEnvelope },
    );
    check(await verifySignatures(ask(keyless.image, [artifact])));
  });
});
