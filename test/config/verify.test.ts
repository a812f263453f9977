// Signers in rules: what `verify` becomes, which PEMs it reads, and the trusted root.

import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { AddedRule } from "../../src/config/added.ts";
import { readConfig } from "../../src/config/read.ts";
import { ROOT_WARNING, trustedRootEnds, trustedRootSchema } from "../../src/config/trusted-root.ts";
import { withAdded } from "../../src/policy/added.ts";
import { entryFor } from "../../src/policy/verify.ts";
import released from "../../src/signatures/trusted-root.json" with { type: "json" };
import { GOOD, problemsOf, ruleOf } from "./rules.ts";

const ISSUER = "https://token.actions.githubusercontent.com";
const IDENTITY = "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/*";
const images = ["acme/**"];

const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
const PEM = pair.publicKey.export({ type: "spki", format: "pem" }).toString();
const PRIVATE = pair.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
const certificate = `-----BEGIN CERTIFICATE-----\n${released.certificateAuthorities[0]?.certChain.certificates[0]?.rawBytes}\n-----END CERTIFICATE-----\n`;

describe("an entry", () => {
  const key = (name: string, log = false) => ({ kind: "key", name, log });
  it.each<{ title: string; given: object; read: object }>([
    { title: "a key", given: { key: "COSIGN" }, read: { all: [key("COSIGN")], any: [] } },
    {
      title: "a key, logged",
      given: { key: "COSIGN", log: true },
      read: { all: [key("COSIGN", true)], any: [] },
    },
    {
      title: "an identity",
      given: { issuer: ISSUER, identity: IDENTITY },
      read: { all: [{ kind: "keyless", issuer: ISSUER, identity: IDENTITY }], any: [] },
    },
    {
      title: "a certificate",
      given: { certificate: "NOTARY" },
      read: { all: [{ kind: "certificate", name: "NOTARY" }], any: [] },
    },
    {
      title: "all of several, and one of others",
      given: { all: [{ key: "A" }, { key: "B" }], any: [{ key: "C" }, { certificate: "D" }] },
      read: { all: [key("A"), key("B")], any: [key("C"), { kind: "certificate", name: "D" }] },
    },
  ])("asks for $title", ({ given, read }) => {
    expect(ruleOf({ verify: [{ images, ...given }] }).verify).toEqual({
      entries: [{ images, ...read }],
      mode: "report",
      unmatched: "pass",
    });
  });

  it("has the mode and what happens to others from the rule", () => {
    const verify = [{ images, key: "COSIGN" }];
    const rule = ruleOf({ verify, verifyMode: "enforce", verifyUnmatched: "refuse" });
    expect(rule.verify).toMatchObject({ mode: "enforce", unmatched: "refuse" });
  });

  it.each<{ title: string; fields: object; problem: string }>([
    {
      title: "no signer",
      fields: { verify: [{ images }] },
      problem: "verify[0]: must have one of key",
    },
    {
      title: "no images",
      fields: { verify: [{ key: "A" }] },
      problem: "verify[0].images: must be a list of globs",
    },
    {
      title: "a tag",
      fields: { verify: [{ images: ["a:v*"], key: "A" }] },
      problem: "verify[0].images[0]: must be a glob",
    },
    {
      title: "two signers at once",
      fields: { verify: [{ images, key: "A", certificate: "B" }] },
      problem: "verify[0]: must have one of key",
    },
    {
      title: "an issuer alone",
      fields: { verify: [{ images, issuer: ISSUER }] },
      problem: "verify[0].identity: is missing beside issuer",
    },
    {
      title: "an identity alone",
      fields: { verify: [{ images, identity: IDENTITY }] },
      problem: "verify[0].issuer: is missing beside identity",
    },
    {
      title: "every identity",
      fields: { verify: [{ images, issuer: ISSUER, identity: "**" }] },
      problem: "verify[0].identity: must not match every identity",
    },
    {
      title: "a space in an identity",
      fields: { verify: [{ images, issuer: ISSUER, identity: "a b" }] },
      problem: "verify[0].identity: must be the whole identity",
    },
    {
      title: "an unbalanced bracket",
      fields: { verify: [{ images, issuer: ISSUER, identity: "a[b" }] },
      problem: "verify[0].identity: has an unbalanced bracket",
    },
    {
      title: "log without key",
      fields: { verify: [{ images, certificate: "A", log: true }] },
      problem: "verify[0].log: is only for key",
    },
    {
      title: "a PEM in place of a name",
      fields: { verify: [{ images, key: PEM }] },
      problem: "verify[0].key: must be the name of a secret",
    },
    {
      title: "an unknown field",
      fields: { verify: [{ images, keys: "A" }] },
      problem: "verify[0].keys: is not a field",
    },
    {
      title: "an empty list",
      fields: { verify: [{ images, any: [] }] },
      problem: "verify[0].any: must contain at least",
    },
    {
      title: "too many signers",
      fields: { verify: [{ images, all: Array.from({ length: 17 }, () => ({ key: "A" })) }] },
      problem: "verify[0].all: must contain at most 16 signers",
    },
    {
      title: "a mode alone",
      fields: { verifyMode: "enforce" },
      problem: "verifyMode: has no effect without verify",
    },
    {
      title: "an unknown mode",
      fields: { verifyMode: "warn" },
      problem: 'verifyMode: must be "report" or "enforce"',
    },
  ])("with $title is told", ({ fields, problem }) => {
    const problems = problemsOf({ RULES: [{ ...GOOD, ...fields }] });
    expect(problems).toEqual([expect.stringContaining(`RULES[0].${problem}`)]);
    expect(problems.join()).not.toContain(PEM.slice(30, 60));
  });
});

describe("the entry of a repository", () => {
  const rule = ruleOf({
    upstreamPrefix: "team",
    verify: [
      { images: ["acme/app"], key: "A" },
      { images: ["acme/**", "b"], key: "B" },
    ],
    verifyUnmatched: "refuse",
  });
  const nameFor = (repository: string, over: object = {}) => {
    const entry = entryFor({ rule: { ...rule, ...over }, repository: `team/${repository}` });
    return typeof entry === "string" ? entry : entry.all[0];
  };

  it("is the first that matches", () => {
    expect(nameFor("acme/app")).toMatchObject({ name: "A" });
    expect(nameFor("acme/app/debug")).toMatchObject({ name: "B" });
    expect(nameFor("b")).toMatchObject({ name: "B" });
  });

  it("is what verifyUnmatched says where none does", () => {
    expect(nameFor("xacme/app")).toBe("refuse");
    const verify = { ...rule.verify, unmatched: "pass" };
    expect(nameFor("xacme/app", { verify })).toBe("pass");
    expect(entryFor({ rule: ruleOf({}), repository: "acme/app" })).toBe("pass");
  });

  it("is found by the short name of an official image", () => {
    const hub = ruleOf({ upstream: "docker.io", verify: [{ images: ["alpine"], key: "A" }] });
    expect(entryFor({ rule: hub, repository: "library/alpine" })).toMatchObject({
      images: ["alpine"],
    });
  });
});

describe("a PEM", () => {
  const read = (fields: object, env: Record<string, unknown>) => {
    const config = readConfig({ RULES: [{ ...GOOD, verify: [{ images, ...fields }] }], ...env });
    return { signers: config.signers, ...config.rules[0] };
  };
  const keyOf = (type: "rsa" | "ed25519" | "ec", options: object) =>
    generateKeyPairSync(type as "ec", options as { namedCurve: string })
      .publicKey.export({ type: "spki", format: "pem" })
      .toString();

  it("is read, and kept out of the rule", () => {
    const one = read({ all: [{ key: "K" }, { certificate: "C" }] }, { K: PEM, C: certificate });
    expect(one.problem).toBeUndefined();
    expect(one.signers).toEqual({ pems: { K: PEM, C: certificate } });
    expect(JSON.stringify(one.rule)).not.toContain("BEGIN");
  });

  it.each<[string, string]>([
    ["P-384", keyOf("ec", { namedCurve: "P-384" })],
    ["P-521", keyOf("ec", { namedCurve: "P-521" })],
    ["Ed25519", keyOf("ed25519", {})],
    ["RSA", keyOf("rsa", { modulusLength: 2048 })],
  ])("may be of %s", (_, pem) => {
    expect(read({ key: "K" }, { K: pem }).problem).toBeUndefined();
  });

  it.each<{ title: string; pem: unknown; problem: string }>([
    {
      title: "is missing",
      pem: undefined,
      problem: "verify[0].key: the variable or secret K is not set",
    },
    { title: "is empty", pem: "", problem: "verify[0].key: the variable or secret K is not set" },
    {
      title: "is no PEM",
      pem: "cosign.pub",
      problem: "verify[0].key: K must be one public key in PEM",
    },
    {
      title: "is two keys",
      pem: PEM + PEM,
      problem: "verify[0].key: K must be one public key in PEM",
    },
    {
      title: "has something before it",
      pem: `x ${PEM}`,
      problem: "verify[0].key: K must be one public key in PEM",
    },
    {
      title: "is garbage",
      pem: "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
      problem: "verify[0].key: K must be one public key in PEM",
    },
    {
      title: "is a certificate",
      pem: certificate,
      problem: "verify[0].key: K must be one public key in PEM",
    },
    { title: "is no text", pem: { pem: PEM }, problem: "verify[0].key: K must be text in PEM" },
    {
      title: "is a weak key",
      pem: keyOf("rsa", { modulusLength: 1024 }),
      problem: "K must have at least 2048 bits",
    },
    {
      title: "is of another curve",
      pem: keyOf("ec", { namedCurve: "secp256k1" }),
      problem: "K must be on one of",
    },
    { title: "is private", pem: PRIVATE, problem: "verify[0].key: K holds a private key" },
    {
      title: "has a private key too",
      pem: PEM + PRIVATE,
      problem: "verify[0].key: K holds a private key",
    },
    {
      title: "is cosign's private key",
      pem: "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----",
      problem: "verify[0].key: K holds a private key",
    },
  ])("that $title makes the rule unusable, and is not told", ({ pem, problem }) => {
    const one = read({ key: "K" }, { K: pem });
    expect(one).toMatchObject({ problem: expect.stringContaining(problem), secret: "K" });
    expect(one.signers.pems).toEqual({});
    if (typeof pem === "string" && pem.length > 100)
      expect(JSON.stringify(one)).not.toContain(pem.slice(40, 80));
  });

  it("of a rule that the API has added is read too", () => {
    const env = { K: PEM };
    const config = readConfig({ RULES: [GOOD], ...env });
    const fields = {
      prefix: "added-one",
      upstream: "other.example.com",
      verify: [{ images, key: "K" }],
    };
    const added = { name: "added-one", fields, at: 0, by: "admin" };
    const whole = withAdded(config, [added as unknown as AddedRule], env);
    expect(whole.rules.map(({ problem }) => problem)).toEqual([undefined, undefined]);
    expect(whole.signers.pems).toEqual({ K: PEM });
    const none = withAdded(config, [added as unknown as AddedRule], {});
    expect(none.rules[1]).toMatchObject({ problem: expect.stringContaining("K is not set") });
    expect(none.signers.pems).toEqual({});
  });

  it("that is no certificate is told with the entry's path", () => {
    const env = { A: PEM, C: PEM };
    const verify = [
      { images, key: "A" },
      { images, any: [{ certificate: "C" }] },
    ];
    const [rule] = readConfig({ RULES: [{ ...GOOD, verify }], ...env }).rules;
    expect(rule).toMatchObject({ problem: expect.stringContaining("verify[1].certificate: C") });
  });
});

describe("a trusted root", () => {
  it("comes with the release, and ends in 2031 with the certificates of Fulcio", () => {
    const root = trustedRootSchema().parse(released);
    expect(new Date(trustedRootEnds(root) ?? 0).toISOString()).toBe("2031-10-05T13:56:58.000Z");
  });

  it("that comes with the release is good for another 30 days", () => {
    const end = trustedRootEnds(trustedRootSchema().parse(released)) ?? Number.POSITIVE_INFINITY;
    expect(end - Date.now()).toBeGreaterThan(ROOT_WARNING);
  });

  it("ends with the first kind of which nothing is left", () => {
    const root = trustedRootSchema().parse(released);
    const end = "2027-01-01T00:00:00Z";
    const ctlogs = root.ctlogs.map((log) => ({
      ...log,
      publicKey: { ...log.publicKey, validFor: { end } },
    }));
    expect(trustedRootEnds({ ...root, ctlogs })).toBe(Date.parse(end));
  });

  it("of the variable is read, as text and as a table", () => {
    const RULES = [GOOD];
    const text = JSON.stringify(released);
    expect(readConfig({ RULES }).signers.root).toBeUndefined();
    expect(readConfig({ RULES, TRUSTED_ROOT: text }).signers.root).toBe(text);
    expect(readConfig({ RULES, TRUSTED_ROOT: released }).signers.root).toBe(text);
  });

  it.each<{ title: string; root: unknown; problem: string }>([
    { title: "no JSON", root: "{", problem: "TRUSTED_ROOT: is not JSON" },
    { title: "a list", root: [], problem: "TRUSTED_ROOT: must be a trusted root" },
    {
      title: "another file",
      root: { mediaType: "x" },
      problem: "TRUSTED_ROOT.mediaType: must be application/vnd",
    },
    {
      title: "without a log",
      root: { ...released, tlogs: [] },
      problem: "TRUSTED_ROOT.tlogs: must contain a transpar",
    },
    {
      title: "with a broken certificate",
      root: {
        ...released,
        certificateAuthorities: [{ certChain: { certificates: [{ rawBytes: "AAAA" }] } }],
      },
      problem:
        "TRUSTED_ROOT.certificateAuthorities[0].certChain.certificates[0].rawBytes: must be a cert",
    },
    {
      title: "with a broken key",
      root: {
        ...released,
        ctlogs: released.ctlogs.map((log) => ({
          ...log,
          publicKey: { ...log.publicKey, rawBytes: "AAAA" },
        })),
      },
      problem: "TRUSTED_ROOT.ctlogs[0].publicKey.rawBytes: must be a public key in DER",
    },
  ])("that is $title is told", ({ root, problem }) => {
    const problems = problemsOf({ RULES: [GOOD], TRUSTED_ROOT: root });
    expect(problems).toContainEqual(expect.stringContaining(problem));
  });
});
