// Keyless signatures, made with @sigstore/mock, and forgeries of them.

import { describe, expect, it } from "vitest";
import type { Signer } from "../../src/config/verify.ts";
import type { SignatureArtifact } from "../../src/signatures/contract.ts";
import { verifySignatures } from "../../src/signatures/open.ts";
import { byAll, NOW } from "./support/cosign.ts";
import {
  ask,
  at,
  certificates,
  entryOf,
  envelopes,
  good,
  identity,
  image,
  issuer,
  judged,
  type Parts,
  payloads,
  reasons,
  reasonsOf,
  root,
  sig,
  signer,
  stampOf,
} from "./support/keyless.ts";

describe("a bundle", () => {
  const verified = (time: number) => ({
    verdict: "verified",
    by: [expect.objectContaining({ signer: `${signer.identity} (${issuer})`, at: time })],
  });
  it("counts with an entry of Rekor 1, at the time of its promise", async () => {
    expect(await judged({})).toEqual(verified(at));
    expect(await judged({ entries: [entryOf("entry of hashedrekord")] })).toEqual(verified(at));
  });

  it("counts whenever it is looked at", async () => {
    for (const now of [0, NOW + 20 * 365 * 86_400_000])
      expect(await judged({}, { now })).toEqual(verified(at));
  });

  it.each(["entry 2 of hashedrekord", "entry 2 of dsse", "entry 2, the last"])(
    "counts with an entry of Rekor 2 and a timestamp: %s",
    async (name) => {
      const given = { entries: [entryOf(name)], timestamps: [stampOf("timestamp")] };
      expect(await judged(given)).toEqual(verified(at + 60_000));
    },
  );

  it.each(["old issuer alone", "new issuer alone"])(
    "counts by a certificate with the %s",
    async (name) => {
      const parts = envelopes[name] as Parts;
      expect(await judged({ certificate: certificates[name] as string, parts })).toEqual(
        verified(at),
      );
    },
  );

  it("counts for a glob over the identity, and for the identity itself", async () => {
    for (const one of [identity, "https://github.com/acme/**", "https://github.com/*/app/**"])
      expect(
        await judged({}, { entry: byAll({ ...signer, identity: one } as Signer) }),
      ).toMatchObject({
        verdict: "verified",
      });
  });
});

describe("a signature of a .sig tag", () => {
  const parts = payloads.good as Parts;
  const replayed = payloads["another image"] as Parts;
  const by = (over?: Record<string, string | undefined>, one = parts, entry = one.entry) =>
    sig(one, entry, certificates.good, over);

  it("counts with its certificate and entry in annotations", async () => {
    expect(await verifySignatures(ask(by()))).toMatchObject({
      verdict: "verified",
      by: [{ at }],
    });
    const timestamp = JSON.stringify({ SignedRFC3161Timestamp: parts.timestamp });
    const stamped = by({ "dev.sigstore.cosign/rfc3161timestamp": timestamp });
    expect(await verifySignatures(ask(stamped))).toMatchObject({ verdict: "verified" });
  });

  it.each<{ title: string; artifact: SignatureArtifact; reason: string }>([
    { title: "another image", artifact: by({}, replayed), reason: "is of another image" },
    {
      title: "no certificate",
      artifact: by({ "dev.sigstore.cosign/certificate": undefined }),
      reason: "is by a key",
    },
    {
      title: "no entry",
      artifact: by({ "dev.sigstore.cosign/bundle": undefined }),
      reason: "has no entry",
    },
    {
      title: "a broken entry",
      artifact: by({ "dev.sigstore.cosign/bundle": "{}" }),
      reason: "malformed log entry",
    },
    {
      title: "a broken certificate",
      artifact: by({ "dev.sigstore.cosign/certificate": "x" }),
      reason: "malformed certificate",
    },
    {
      title: "another's entry",
      artifact: by({}, parts, replayed.entry),
      reason: "has a log entry of another signature",
    },
    {
      title: "another time in its entry",
      artifact: by({}, parts, { ...parts.entry, integratedTime: `${at / 1_000 + 1}` }),
      reason: "timestamp (SET) is by no log",
    },
  ])("with $title does not count", async ({ artifact, reason }) => {
    expect(await reasonsOf(ask(artifact))).toContain(reason);
  });
});

describe("an identity", () => {
  it.each<[string, string]>([
    ["another identity", "is by https://github.com/evil/app"],
    ["identity within", `is by https://evil.example/${identity}`],
    ["identity before", `is by ${identity}/../../evil`],
    ["another issuer", `(${issuer}/)`],
    ["two issuers", "names two issuers"],
    ["no issuer", "names no issuer"],
  ])("of a certificate with %s does not count", async (name, reason) => {
    const parts = envelopes[name] as Parts;
    expect(await reasons({ certificate: certificates[name] as string, parts })).toContain(reason);
  });

  it.each([
    "https://github.com/acme/app",
    "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1",
    "github.com/acme/**",
    "https://github.com/acme/*",
    "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/?",
    "https://github.com/ACME/**",
  ])("is matched as a whole: %s does not", async (one) => {
    const entry = byAll({ ...signer, identity: one } as Signer);
    expect(await reasons({}, { entry })).toContain(`is by ${identity} (${issuer})`);
  });

  it.each([`${issuer}/`, issuer.toUpperCase(), "https://*", issuer.replace("https", "http")])(
    "is of exactly its issuer, and not of %s",
    async (one) => {
      const entry = byAll({ ...signer, issuer: one } as Signer);
      expect(await reasons({}, { entry })).toContain(`(${issuer})`);
    },
  );
});

describe("a certificate", () => {
  it.each<[string, string]>([
    ["without SCT", "expected 1 SCTs, got 0"],
    ["SCT of another log", "SCT verification failed"],
    ["another authority", "Failed to verify certificate chain"],
    ["another key", "not by the key of its certificate"],
  ])("of the kind %s does not count", async (name, reason) => {
    const parts = envelopes[name] as Parts;
    expect(await reasons({ certificate: certificates[name] as string, parts })).toContain(reason);
  });

  it("of the public instance does not count under another root, and the other way round", async () => {
    expect(await reasons({}, { signers: { pems: {} } })).toContain(
      "that the trusted root does not",
    );
  });

  it("that is garbage does not count", async () => {
    for (const certificate of ["AAAA", "MAA=", image.slice(7)])
      expect(await reasons({ certificate })).toContain("has a malformed certificate");
  });

  it("of the authority itself does not count", async () => {
    const certificate = root.certificateAuthorities[0]?.certChain.certificates[0]?.rawBytes ?? "";
    expect(await reasons({ certificate })).toContain("is by the certificate of an authority");
  });
});

describe("a time", () => {
  const outside = "certificate is not valid or expired at the specified date";
  it("outside of the certificate's does not count", async () => {
    expect(await reasons({ entries: [entryOf("entry, later")] })).toContain(outside);
    const entries = [entryOf("entry 2 of dsse")];
    expect(await reasons({ entries, timestamps: [stampOf("timestamp, later")] })).toContain(
      outside,
    );
  });

  it("outside is not made good by another inside", async () => {
    const timestamps = [stampOf("timestamp"), stampOf("timestamp, later")];
    expect(await reasons({ timestamps })).toContain(outside);
  });

  it("is needed: an inclusion proof has none, whatever time stands beside it", async () => {
    expect(await reasons({ entries: [entryOf("entry 2 of dsse")] })).toContain(
      "has no trusted time",
    );
    const { inclusionPromise: _, ...proven } = good.entry;
    expect(await reasons({ entries: [proven] })).toContain("has no trusted time");
  });

  it("of another authority does not count", async () => {
    const entries = [entryOf("entry 2 of dsse")];
    const timestamps = [stampOf("timestamp of another authority")];
    expect(await reasons({ entries, timestamps })).toContain("timestamp could not be verified");
  });

  it("of another signature does not count", async () => {
    const entries = [entryOf("entry 2 of dsse")];
    const timestamps = [(envelopes["another image"] as Parts).timestamp as string];
    expect(await reasons({ entries, timestamps })).toContain("timestamp could not be verified");
  });

  it("that is garbage does not count", async () => {
    const entries = [entryOf("entry 2 of dsse")];
    for (const stamp of ["AAAA", "MAA=", good.signature])
      expect(await reasons({ entries, timestamps: [stamp] })).toMatch(
        /has a malformed timestamp|has no trusted time|could not be verified/,
      );
  });

  it("of many is bounded", async () => {
    const timestamps = Array.from({ length: 100 }, () => stampOf("timestamp"));
    expect(await reasons({ timestamps })).toContain("has too many timestamps");
  });
});
