// Keyless signatures, made with @sigstore/mock, and forgeries of them.

import { describe, expect, it } from "vitest";
import type { Signer } from "../../src/config/verify.ts";
import type { Digest } from "../../src/oci/digest.ts";
import {
  PAYLOAD_TYPE,
  type Question,
  type SignatureArtifact,
} from "../../src/signatures/contract.ts";
import { verifySignatures } from "../../src/signatures/open.ts";
import keyless from "./keyless.json" with { type: "json" };
import { artifactWith, byAll, bytesOf, NOW } from "./support/cosign.ts";
import { bundleOf } from "./support/signing.ts";

interface Entry {
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
type Parts = Record<string, unknown> & { payload: string; signature: string; entry: Entry };

const { at, identity, image, issuer, other, root } = keyless;
const certificates: Record<string, string> = keyless.certificates;
const envelopes = keyless.envelopes as unknown as Record<string, Parts>;
const payloads = keyless.payloads as unknown as Record<string, Parts>;
const good = envelopes.good as Parts;
const entryOf = (name: string) => good[name] as Entry;
const stampOf = (name: string) => good[name] as string;

const signer: Signer = {
  kind: "keyless",
  issuer,
  identity: "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/*",
};

interface Bundle {
  certificate?: string;
  entries?: object[];
  timestamps?: string[];
  parts?: Parts;
}

function bundle({
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

const ask = (artifact: SignatureArtifact, over: Partial<Question> = {}): Question => ({
  image: image as Digest,
  entry: byAll(signer),
  signers: { pems: {}, root: JSON.stringify(root) },
  artifacts: [artifact],
  now: NOW,
  ...over,
});
const judged = (given: Bundle, over: Partial<Question> = {}) =>
  verifySignatures(ask(bundle(given), over));
const reasonsOf = async (asked: Question) => {
  const outcome = await verifySignatures(asked);
  return outcome.verdict === "invalid" ? outcome.reasons.join("\n") : outcome;
};
const reasons = (given: Bundle, over: Partial<Question> = {}) =>
  reasonsOf(ask(bundle(given), over));

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

const pemOf = (certificate: string | undefined) =>
  certificate && `-----BEGIN CERTIFICATE-----\n${certificate}\n-----END CERTIFICATE-----\n`;
const annotationOf = (entry: Entry) =>
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
function sig(
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

  it.each<[string, SignatureArtifact, string]>([
    ["another image", by({}, replayed), "is of another image"],
    ["no certificate", by({ "dev.sigstore.cosign/certificate": undefined }), "is by a key"],
    ["no entry", by({ "dev.sigstore.cosign/bundle": undefined }), "has no entry"],
    ["a broken entry", by({ "dev.sigstore.cosign/bundle": "{}" }), "malformed log entry"],
    [
      "a broken certificate",
      by({ "dev.sigstore.cosign/certificate": "x" }),
      "malformed certificate",
    ],
    ["another's entry", by({}, parts, replayed.entry), "has a log entry of another signature"],
    [
      "another time in its entry",
      by({}, parts, { ...parts.entry, integratedTime: `${at / 1_000 + 1}` }),
      "timestamp (SET) is by no log",
    ],
  ])("with %s does not count", async (_, artifact, reason) => {
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

describe("a log entry", () => {
  const changed = (entry: Entry, over: Partial<Entry>) => [{ ...entry, ...over }];
  const proofOf = (entry: Entry, over: Partial<Entry["inclusionProof"]>) =>
    changed(entry, { inclusionProof: { ...entry.inclusionProof, ...over } });
  const second = entryOf("entry 2 of hashedrekord");
  const timestamps = [stampOf("timestamp")];
  const otherEntry = (envelopes["another image"] as Parts).entry;

  it("is needed", async () => {
    expect(await reasons({ entries: [], timestamps })).toContain(
      "has no entry in the transparency",
    );
  });

  it("of another signature does not count", async () => {
    expect(await reasons({ entries: [otherEntry], timestamps })).toContain(
      "has a log entry of another signature",
    );
  });

  it("of another signer does not count", async () => {
    const parts = envelopes["another identity"] as Parts;
    const mixed = { ...parts, signature: good.signature };
    const body = JSON.parse(Buffer.from(parts.entry.canonicalizedBody, "base64").toString());
    body.spec.signatures[0].signature = good.signature;
    const canonicalizedBody = Buffer.from(JSON.stringify(body)).toString("base64");
    const entries = changed(parts.entry, { canonicalizedBody });
    expect(await reasons({ parts: { ...mixed, payload: good.payload }, entries })).toContain(
      "has a log entry of another signer",
    );
  });

  it("of another log does not count", async () => {
    expect(await reasons({ entries: [entryOf("entry of another log")] })).toContain(
      "that the trusted root does not have",
    );
    // The other log's promise under the name of a known one.
    const { inclusionPromise } = entryOf("entry of another log");
    const entries = [{ ...good.entry, inclusionPromise }];
    expect(await reasons({ entries })).toContain("timestamp (SET) is by no log");
  });

  it.each<[string, object[], string]>([
    [
      "a promise of another entry",
      [{ ...good.entry, inclusionPromise: otherEntry.inclusionPromise }],
      "timestamp (SET) is by no log",
    ],
    [
      "another time than promised",
      changed(good.entry, { integratedTime: `${at / 1_000 + 5}` }),
      "timestamp (SET) is by no log",
    ],
    [
      "another index than promised",
      changed(good.entry, { logIndex: "5" }),
      "timestamp (SET) is by no log",
    ],
    ["a time that is none", changed(good.entry, { integratedTime: "x" }), "without a time"],
    [
      "a proof of another entry",
      changed(second, { inclusionProof: entryOf("entry 2 of dsse").inclusionProof }),
      "has an inclusion proof of another entry",
    ],
    [
      "another index in the tree",
      proofOf(second, { logIndex: "4" }),
      "has an inclusion proof of another entry",
    ],
    ["an index beyond the tree", proofOf(second, { logIndex: "7" }), "beyond the end of its log"],
    ["a negative index", proofOf(second, { logIndex: "-1" }), "beyond the end of its log"],
    [
      "a hash less",
      proofOf(second, { hashes: second.inclusionProof.hashes.slice(1) }),
      "of the wrong length",
    ],
    [
      "endless hashes",
      proofOf(second, {
        hashes: Array.from({ length: 5_000 }, () => second.inclusionProof.rootHash),
      }),
      "of the wrong length",
    ],
    [
      "another checkpoint",
      proofOf(second, { checkpoint: entryOf("entry 2, the last").inclusionProof.checkpoint }),
      "of the wrong length",
    ],
    [
      "an unsigned checkpoint",
      proofOf(second, {
        checkpoint: { envelope: second.inclusionProof.checkpoint.envelope.split("\n\n")[0] ?? "" },
      }),
      "without a signature",
    ],
    [
      "a changed checkpoint",
      proofOf(second, {
        checkpoint: {
          envelope: second.inclusionProof.checkpoint.envelope.replace("\n7\n", "\n8\n"),
        },
      }),
      "signed by no log",
    ],
    [
      "a checkpoint under another name",
      proofOf(second, {
        checkpoint: {
          envelope: second.inclusionProof.checkpoint.envelope.replace("\u2014 log2", "\u2014 log3"),
        },
      }),
      "signed by no log",
    ],
    [
      "another kind",
      changed(second, { kindVersion: { kind: "dsse", version: "0.0.2" } }),
      "of another kind than it says",
    ],
    [
      "a body that is garbage",
      changed(second, { canonicalizedBody: "AAAA" }),
      "has a malformed log entry",
    ],
    [
      "an unknown kind",
      changed(second, {
        canonicalizedBody: Buffer.from('{"kind":"constructor","apiVersion":"","spec":{}}').toString(
          "base64",
        ),
      }),
      "is not supported: constructor",
    ],
    ["too many of them", Array.from({ length: 9 }, () => second), "has too many log entries"],
    ["a bad one beside a good one", [second, otherEntry], "of another signature"],
  ])("with %s does not count", async (_, entries, reason) => {
    expect(await reasons({ entries, timestamps })).toContain(reason);
  });
});

describe("a replayed bundle", () => {
  const replayed = envelopes["another image"] as Parts;
  it("of another image does not count", async () => {
    expect(await reasons({ parts: replayed })).toContain("is of another image");
    expect(await judged({ parts: replayed }, { image: other as Digest })).toMatchObject({
      verdict: "verified",
    });
  });

  it("with this image's statement does not count", async () => {
    const parts = { ...replayed, payload: good.payload };
    expect(await reasons({ parts })).toContain("is of other bytes");
    expect(await reasons({ parts: { ...parts, signature: good.signature } })).toContain(
      "has a log entry of another signature",
    );
  });
});

describe("a trusted root", () => {
  it("that cannot be used decides nothing", async () => {
    for (const text of ["{", '{"tlogs":[{}]}'])
      expect(await judged({}, { signers: { pems: {}, root: text } })).toEqual({
        verdict: "undecided",
        reason: "the trusted root cannot be used",
      });
  });

  it("whose log had ended then does not make an inclusion proof count", async () => {
    const given = { entries: [entryOf("entry 2 of dsse")], timestamps: [stampOf("timestamp")] };
    const [first, second] = root.tlogs;
    const until = (end: number) => {
      const validFor = { ...second?.publicKey.validFor, end: new Date(end).toISOString() };
      const tlogs = [first, { ...second, publicKey: { ...second?.publicKey, validFor } }];
      return { signers: { pems: {}, root: JSON.stringify({ ...root, tlogs }) } };
    };
    expect(await reasons(given, until(at))).toContain("is in a log whose key was not valid");
    expect(await judged(given, until(at + 60_000))).toMatchObject({ verdict: "verified" });
  });

  it("whose authorities had ended then does not make it count", async () => {
    const end = new Date(at - 1_000).toISOString();
    const ended = (lists: Partial<typeof root>) => ({
      signers: { pems: {}, root: JSON.stringify({ ...root, ...lists }) },
    });
    const logs = <Log extends { publicKey: object }>(list: Log[]) =>
      list.map((log) => ({ ...log, publicKey: { ...log.publicKey, validFor: { end } } }));
    const authorities = root.certificateAuthorities.map((one) => ({ ...one, validFor: { end } }));
    for (const lists of [
      { ctlogs: logs(root.ctlogs) },
      { tlogs: logs(root.tlogs) },
      { certificateAuthorities: authorities },
    ])
      expect(await judged({}, ended(lists as Partial<typeof root>))).toMatchObject({
        verdict: "invalid",
      });
  });
});

describe("a key whose signatures must be logged", () => {
  const { logged } = keyless;
  const byLog = (log: boolean) => byAll({ kind: "key", name: "K", log });
  const signers = { pems: { K: logged.key }, root: JSON.stringify(root) };
  const keyed = (entry: object | undefined, log = true) =>
    ask(sig(logged as unknown as Parts, entry as Entry | undefined, undefined), {
      entry: byLog(log),
      signers,
    });

  it("counts with its entry, at the time of its promise", async () => {
    expect(await verifySignatures(keyed(logged.entry))).toMatchObject({
      verdict: "verified",
      by: [{ signer: "the key K", at }],
    });
  });

  it("does not count without, or with another's", async () => {
    expect(await reasonsOf(keyed(undefined))).toContain("has no entry in the transparency log");
    expect(await reasonsOf(keyed(logged["entry of another key"]))).toContain(
      "has a log entry of another signer",
    );
    expect(await reasonsOf(keyed(good.entry))).toContain("has a log entry of another signature");
  });

  it("counts without where the log is not asked for", async () => {
    expect(await verifySignatures(keyed(undefined, false))).toMatchObject({ verdict: "verified" });
  });
});
