// Keyless signatures: log entries, replayed bundles, trusted roots, and keys whose signatures must be logged.

import { describe, expect, it } from "vitest";
import type { Digest } from "../../src/oci/digest.ts";
import { verifySignatures } from "../../src/signatures/open.ts";
import keyless from "./keyless.json" with { type: "json" };
import { byAll } from "./support/cosign.ts";
import {
  ask,
  at,
  type Entry,
  entryOf,
  envelopes,
  good,
  judged,
  other,
  type Parts,
  reasons,
  reasonsOf,
  root,
  sig,
  stampOf,
} from "./support/keyless.ts";

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
