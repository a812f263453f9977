// Signatures of the real notation, and forgeries of them.

import { describe, expect, it } from "vitest";
import type { Signer } from "../../src/config/verify.ts";
import type { Digest } from "../../src/oci/digest.ts";
import {
  NOTATION_TYPE,
  type Question,
  type SignatureArtifact,
} from "../../src/signatures/contract.ts";
import { verifySignatures } from "../../src/signatures/open.ts";
import notation from "./notation.json" with { type: "json" };
import { artifactWith, byAll, stored } from "./support/cosign.ts";

const { certificates, forged, images } = notation;
const DAY = 86_400_000;
/** A day after the fixtures were made. */
const NOW = Date.parse("2026-11-30T12:00:00Z");

const by = (name: string): Signer => ({ kind: "certificate", name });
const ask = (name: keyof typeof images, over: Partial<Question> = {}): Question => ({
  image: images[name].digest as Digest,
  entry: byAll(by("root")),
  signers: { pems: certificates },
  artifacts: [stored(notation.artifacts[name])],
  now: NOW,
  ...over,
});
const reasons = async (asked: Question) => {
  const outcome = await verifySignatures(asked);
  return outcome.verdict === "invalid" ? outcome.reasons.join("\n") : outcome;
};
const envelopeOf = (text: string): SignatureArtifact =>
  artifactWith(
    { mediaType: "application/jose+json", bytes: new TextEncoder().encode(text) },
    NOTATION_TYPE,
  );

describe("a signature by a certificate", () => {
  it.each(["p256", "p384", "rsa"] as const)(
    "of %s counts up to the configured one",
    async (name) => {
      for (const trusted of ["root", "middle", `${name} signer`]) {
        const outcome = await verifySignatures(ask(name, { entry: byAll(by(trusted)) }));
        expect(outcome).toMatchObject({
          verdict: "verified",
          by: [{ signer: `the certificate ${trusted}` }],
        });
        // The signer's certificate ends first, after a year.
        const { until = 0 } = outcome as { until?: number };
        expect(Math.round((until - NOW) / DAY)).toBe(364);
      }
    },
  );

  it("that is signed by itself counts if it is configured", async () => {
    expect(await verifySignatures(ask("alone", { entry: byAll(by("alone")) }))).toMatchObject({
      verdict: "verified",
    });
    expect(await reasons(ask("alone"))).toContain("does not lead to this one");
  });

  it("is read from one variable with several certificates", async () => {
    const pems = { both: certificates.other + certificates.root };
    expect(
      await verifySignatures(ask("p256", { entry: byAll(by("both")), signers: { pems } })),
    ).toMatchObject({ verdict: "verified" });
  });

  it("does not count under another", async () => {
    expect(await reasons(ask("p256", { entry: byAll(by("other")) }))).toContain(
      "the certificate other: the signature in",
    );
  });

  it("does not count for another image", async () => {
    expect(await reasons(ask("p256", { image: images.p384.digest as Digest }))).toContain(
      `is of another image: ${images.p256.digest}`,
    );
  });

  it("does not count before the certificate is valid, nor after it has expired", async () => {
    expect(await reasons(ask("p256", { now: NOW - 2 * DAY }))).toContain("is not yet valid");
    expect(await reasons(ask("p256", { now: NOW + 400 * DAY }))).toContain(
      "has expired, and has no timestamp",
    );
  });

  it("with an end counts until then", async () => {
    const outcome = await verifySignatures(ask("expiring"));
    expect(outcome).toMatchObject({ verdict: "verified" });
    const { until = 0 } = outcome as { until?: number };
    expect(until - NOW).toBeLessThan(DAY);
    expect(await reasons(ask("expiring", { now: until }))).toContain("has expired");
  });

  it("in COSE is told", async () => {
    expect(await reasons(ask("cose"))).toContain("is a COSE envelope, which is not supported");
  });

  it("is no signature of cosign, and the other way round", async () => {
    const entry = byAll({ kind: "keyless", issuer: "https://a", identity: "https://b" });
    expect(await reasons(ask("p256", { entry }))).toContain("is not one of cosign");
  });

  it("whose configured certificate is missing cannot be decided", async () => {
    expect(await verifySignatures(ask("p256", { signers: { pems: {} } }))).toEqual({
      verdict: "undecided",
      reason: "the certificate root is missing or malformed",
    });
  });
});

describe("a forgery", () => {
  const forge = (text: string) => ask("p256", { artifacts: [envelopeOf(text)] });

  it("is made as a good one is, which counts", async () => {
    expect(await verifySignatures(forge(forged.good))).toMatchObject({ verdict: "verified" });
  });

  it.each<[keyof typeof forged, string]>([
    ["encipherer", "is not for signatures alone"],
    ["lax", "is not for signatures alone"],
    ["server", "is for more than code signing"],
    ["client", "is not for code signing"],
    ["constrained", "a critical extension that is not supported: 2.5.29.30"],
    ["authority", "is by the certificate of an authority"],
    ["too deep", "longer than its authority allows"],
    ["by signer", "is issued by no authority"],
    ["not issued", "the next one did not issue"],
    ["another key", "not by the key of its certificate"],
    ["authority's time", "has the signing scheme notary.x509.signingAuthority"],
    ["critical", "a critical field that is not supported: com.example.review"],
    ["alg none", "has the algorithm none in place of ES256"],
    ["alg HS256", "has the algorithm HS256 in place of ES256"],
    ["alg ES384", "has the algorithm ES384 in place of ES256"],
    ["alg PS256", "has the algorithm PS256 in place of ES256"],
    ["another payload", "has a payload that is not notation's"],
    ["another type", "has a malformed JWS header"],
  ])("%s does not count", async (name, reason) => {
    expect(await reasons(forge(forged[name]))).toContain(reason);
  });

  it("by another payload under the same signature does not count", async () => {
    const good = JSON.parse(forged.good) as Record<string, unknown>;
    const { image } = ask("p384");
    const payload = Buffer.from(JSON.stringify({ targetArtifact: { digest: image } }));
    const text = JSON.stringify({ ...good, payload: payload.toString("base64url") });
    const asked = { ...forge(text), image };
    expect(await reasons(asked)).toContain("is of other bytes");
  });

  it.each<[string, unknown]>([
    ["no envelope", 5],
    ["an empty chain", { ...JSON.parse(forged.good), header: { x5c: [] } }],
    [
      "an endless chain",
      {
        ...JSON.parse(forged.good),
        header: { x5c: Array.from({ length: 1_000 }, () => "AAAA") },
      },
    ],
    ["no signature", { ...JSON.parse(forged.good), signature: "" }],
    ["no header", { ...JSON.parse(forged.good), protected: "AAAA" }],
  ])("with %s does not count", async (_, envelope) => {
    expect(await reasons(forge(JSON.stringify(envelope)))).toMatch(/has a malformed JWS/);
  });

  it("with garbage for certificates does not count", async () => {
    const { header: _, ...good } = JSON.parse(forged.good) as Record<string, unknown>;
    const x5c = ["MAA=", Buffer.from(certificates.root).toString("base64")];
    expect(await reasons(forge(JSON.stringify({ ...good, header: { x5c } })))).toMatch(
      /malformed certificate|does not lead/,
    );
  });
});
