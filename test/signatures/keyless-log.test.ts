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

  it.each<{ title: string; entries: object[]; reason: string }>([
    {
      title: "a promise of another entry",
      entries: [{ ...good.entry, inclusionPromise: otherEntry.inclusionPromise }],
      reason: "timestamp (SET) is by no log",
    },
    {
      title: "another time than promised",
      entries: changed(good.entry, { integratedTime: `${at / 1_000 + 5}` }),
      reason: "timestamp (SET) is by no log",
    },
    {
      title: "another index than promised",
      entries: changed(good.entry, { logIndex: "5" }),
      reason: "timestamp (SET) is by no log",
    },
    {
      title: "a time that is none",
      entries: changed(good.entry, { integratedTime: "x" }),
      reason: "without a time",
    },
    {
      title: "a proof of another entry",
      entries: changed(second, { inclusionProof: entryOf("entry 2 of dsse").inclusionProof }),
      reason: "has an inclusion proof of another entry",
    },
    {
      title: "another index in the tree",
      entries: proofOf(second, { logIndex: "4" }),
      reason: "has an inclusion proof of another entry",
    },
    {
      title: "an index beyond the tree",
      entries: proofOf(second, { logIndex: "7" }),
      reason: "beyond the end of its log",
    },
    {
      title: "a negative index",
      entries: proofOf(second, { logIndex: "-1" }),
      reason: "beyond the end of its log",
    },
    {
      title: "a hash less",
      entries: proofOf(second, { hashes: second.inclusionProof.hashes.slice(1) }),
      reason: "of the wrong length",
    },
    {
      title: "endless hashes",
      entries: proofOf(second, {
        hashes: Array.from({ length: 5_000 }, () => second.inclusionProof.rootHash),
      }),
      reason: "of the wrong length",
    },
    {
      title: "another checkpoint",
      entries: proofOf(second, {
        checkpoint: entryOf("entry 2, the last").inclusionProof.checkpoint,
      }),
      reason: "of the wrong length",
    },
    {
      title: "an unsigned checkpoint",
      entries: proofOf(second, {
        checkpoint: { envelope: second.inclusionProof.checkpoint.envelope.split("\n\n")[0] ?? "" },
      }),
      reason: "without a signature",
    },
    {
      title: "a changed checkpoint",
      entries: proofOf(second, {
        checkpoint: {
          envelope: second.inclusionProof.checkpoint.envelope.replace("\n7\n", "\n8\n"),
        },
      }),
      reason: "signed by no log",
    },
    {
      title: "a checkpoint under another name",
      entries: proofOf(second, {
        checkpoint: {
          envelope: second.inclusionProof.checkpoint.envelope.replace("\u2014 log2", "\u2014 log3"),
        },
      }),
      reason: "signed by no log",
    },
    {
      title: "another kind",
      entries: changed(second, { kindVersion: { kind: "dsse", version: "0.0.2" } }),
      reason: "of another kind than it says",
    },
    {
      title: "a body that is garbage",
      entries: changed(second, { canonicalizedBody: "AAAA" }),
      reason: "has a malformed log entry",
    },
    {
      title: "an unknown kind",
      entries: changed(second, {
        canonicalizedBody: Buffer.from('{"kind":"constructor","apiVersion":"","spec":{}}').toString(
          "base64",
        ),
      }),
      reason: "is not supported: constructor",
    },
    {
      title: "too many of them",
      entries: Array.from({ length: 9 }, () => second),
      reason: "has too many log entries",
    },
    {
      title: "a bad one beside a good one",
      entries: [second, otherEntry],
      reason: "of another signature",
    },
  ])("with $title does not count", async ({ entries, reason }) => {
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
