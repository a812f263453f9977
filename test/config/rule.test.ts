// A rule, field by field: what it becomes, and how a bad one is told.

import { describe, expect, it } from "vitest";
import { GOOD, problemsOf, ruleOf } from "./rules.ts";

const DIGEST = `sha256:${"a".repeat(64)}`;

it("has defaults for all but prefix and upstream", () => {
  expect(ruleOf({})).toEqual({
    name: "p",
    prefixes: ["p"],
    default: false,
    shadow: false,
    hosts: [],
    secretHosts: [],
    ns: [],
    anonymous: false,
    networks: [],
    upstream: { base: "https://registry.example.com", host: "registry.example.com" },
    credentials: [],
    realms: [],
    dockerHub: false,
    deny: [],
    allowDigests: false,
    denyDigests: [],
    allowancePeople: 1,
    tagTtl: 3_600_000,
    immutableTags: [],
    staleWhileRevalidate: 0,
    staleIfError: 7 * 86_400_000,
    keepDeleted: false,
    allowNoCache: false,
    negativeTtl: 10_000,
    listTtl: 60_000,
    reservePulls: 10,
    offline: false,
    firstByteTimeout: 10_000,
    silenceTimeout: 30_000,
    connections: 4,
  });
});

describe("is read", () => {
  it.each<{ title: string; fields: object; expected: object }>([
    {
      title: "an alias",
      fields: { prefix: ["docker.io", "docker-hub"] },
      expected: { prefixes: ["docker.io", "docker-hub"] },
    },
    { title: "a prefix of parts", fields: { prefix: "a/b" }, expected: { prefixes: ["a/b"] } },
    {
      title: "upstreamPrefix",
      fields: { upstreamPrefix: "team/x" },
      expected: { upstreamPrefix: "team/x" },
    },
    {
      title: "credentials",
      fields: { credentials: "DOCKER_HUB" },
      expected: { credentials: ["DOCKER_HUB"] },
    },
    {
      title: "credentials, to be rotated",
      fields: { credentials: ["OLD", "NEW"] },
      expected: { credentials: ["OLD", "NEW"] },
    },
    {
      title: "a default rule without a prefix",
      fields: { prefix: undefined, default: true },
      expected: { name: "registry.example.com", prefixes: [], default: true },
    },
    {
      title: "a host",
      fields: { prefix: undefined, host: "Docker.Mirror.example.com" },
      expected: { name: "docker.mirror.example.com", hosts: ["docker.mirror.example.com"] },
    },
    {
      title: "hosts",
      fields: { host: ["a.localhost:8787", "b.localhost"] },
      expected: { hosts: ["a.localhost:8787", "b.localhost"] },
    },
    {
      title: "ns, by the names that clients use",
      fields: { ns: ["docker.io", "Reg.example:5000", "quay.io:443"] },
      expected: { ns: ["registry-1.docker.io", "reg.example:5000", "quay.io"] },
    },
    {
      title: "allow",
      fields: { allow: ["library/*", "team/app:v*"] },
      expected: { allow: ["library/*", "team/app:v*"] },
    },
    {
      title: "globs of all kinds",
      fields: { deny: ["**", "a/**/b", "x?", "{a,b}/c:[0-9]*", "*:latest"] },
      expected: { deny: ["**", "a/**/b", "x?", "{a,b}/c:[0-9]*", "*:latest"] },
    },
    {
      title: "denyReason",
      fields: { denyReason: "Ask the “platform” team." },
      expected: { denyReason: "Ask the “platform” team." },
    },
    {
      title: "allowancePeople",
      fields: { allowancePeople: 2 },
      expected: { allowancePeople: 2 },
    },
    {
      title: "denyDigests",
      fields: { denyDigests: [DIGEST] },
      expected: { denyDigests: [DIGEST] },
    },
    {
      title: "minimumAge, alone",
      fields: { minimumAge: "3d" },
      expected: {
        minimumAge: { age: 3 * 86_400_000, mode: "enforce", except: [], first: "registry" },
      },
    },
    {
      title: "minimumAge, with all its fields",
      fields: {
        minimumAge: "1h",
        minimumAgeMode: "report",
        minimumAgeExcept: ["acme/**", "a:nightly"],
        minimumAgeFirst: "refuse",
      },
      expected: {
        minimumAge: {
          age: 3_600_000,
          mode: "report",
          except: ["acme/**", "a:nightly"],
          first: "refuse",
        },
      },
    },
    {
      title: "immutableTags",
      fields: { immutableTags: ["v*", "app:*"] },
      expected: { immutableTags: ["v*", "app:*"] },
    },
    { title: "staleIfError", fields: { staleIfError: "0s" }, expected: { staleIfError: 0 } },
    {
      title: "a private ECR registry",
      fields: {
        kind: "ecr",
        upstream: "123456789012.dkr.ecr.eu-west-1.amazonaws.com",
        credentials: "AWS",
      },
      expected: {
        ecr: { endpoint: "https://api.ecr.eu-west-1.amazonaws.com", region: "eu-west-1" },
      },
    },
    {
      title: "one of China's, and by FIPS",
      fields: {
        kind: "ecr",
        upstream: "123456789012.dkr.ecr-fips.cn-north-1.amazonaws.com.cn",
        credentials: "AWS",
      },
      expected: {
        ecr: { endpoint: "https://ecr-fips.cn-north-1.amazonaws.com.cn", region: "cn-north-1" },
      },
    },
    {
      title: "one elsewhere",
      fields: {
        kind: "ecr",
        region: "eu-west-1",
        endpoint: "http://127.0.0.1:9/x/",
        credentials: "AWS",
      },
      expected: { ecr: { endpoint: "http://127.0.0.1:9/x", region: "eu-west-1" } },
    },
    {
      title: "realm, a host",
      fields: { realm: "auth.example.com" },
      expected: { realms: ["auth.example.com"] },
    },
    {
      title: "realm, a port",
      fields: { realm: "auth.example.com:8443" },
      expected: { realms: ["auth.example.com:8443"] },
    },
    {
      title: "realm, the port of https",
      fields: { realm: "auth.example.com:443" },
      expected: { realms: ["auth.example.com"] },
    },
    {
      title: "realm, a URL",
      fields: { realm: "https://auth.example.com/token" },
      expected: { realms: ["https://auth.example.com"] },
    },
    {
      title: "realms",
      fields: { realm: ["a.example", "B.example"] },
      expected: { realms: ["a.example", "b.example"] },
    },
    { title: "tagTtl", fields: { tagTtl: "5m" }, expected: { tagTtl: 300_000 } },
    {
      title: "firstByteTimeout",
      fields: { firstByteTimeout: "250ms" },
      expected: { firstByteTimeout: 250 },
    },
    {
      title: "silenceTimeout",
      fields: { silenceTimeout: "1s" },
      expected: { silenceTimeout: 1000 },
    },
    { title: "connections", fields: { connections: 1 }, expected: { connections: 1 } },
  ])("$title", ({ fields, expected }) => {
    expect(ruleOf(fields)).toMatchObject(expected);
  });

  it.each([
    ["5ms", 5],
    ["0s", 0],
    ["10s", 10_000],
    ["1.5h", 5_400_000],
    ["2 m", 120_000],
    ["7d", 604_800_000],
    ["1w", 604_800_000],
  ])("the duration %s", (text, milliseconds) => {
    expect(ruleOf({ tagTtl: text }).tagTtl).toBe(milliseconds);
  });
});

describe("is refused, with the field's path, for", () => {
  it.each<{ title: string; fields: object; path: string }>([
    { title: "a prefix that is a number", fields: { prefix: 5 }, path: ".prefix:" },
    { title: "an empty list of prefixes", fields: { prefix: [] }, path: ".prefix:" },
    { title: "an empty prefix", fields: { prefix: "" }, path: ".prefix" },
    { title: "a prefix in upper case", fields: { prefix: "Docker" }, path: ".prefix" },
    { title: "a prefix that ends in a slash", fields: { prefix: "docker/" }, path: ".prefix" },
    { title: "a bad alias", fields: { prefix: ["good", "b d"] }, path: ".prefix[1]:" },
    { title: "an alias twice", fields: { prefix: ["a", "a"] }, path: ".prefix:" },
    { title: "no upstream", fields: { upstream: undefined }, path: ".upstream:" },
    {
      title: "an upstream that is a list",
      fields: { upstream: ["https://a.example"] },
      path: ".upstream:",
    },
    { title: "an upstream that is no URL", fields: { upstream: "https://" }, path: ".upstream:" },
    {
      title: "upstreamPrefix that is no name",
      fields: { upstreamPrefix: "/team" },
      path: ".upstreamPrefix:",
    },
    {
      title: "credentials that are no name",
      fields: { credentials: "docker-hub" },
      path: ".credentials:",
    },
    {
      title: "credentials themselves",
      fields: { credentials: '{"token":"x"}' },
      path: ".credentials:",
    },
    { title: "a secret named twice", fields: { credentials: ["A", "A"] }, path: ".credentials:" },
    { title: "no name at all", fields: { prefix: undefined }, path: ".prefix:" },
    { title: "default that is a text", fields: { default: "true" }, path: ".default:" },
    { title: "a host with a scheme", fields: { host: "https://a.example" }, path: ".host:" },
    {
      title: "a host with a wildcard",
      fields: { host: ["a.example", "*.example"] },
      path: ".host[1]:",
    },
    { title: "ns with a path", fields: { ns: "a.example/b" }, path: ".ns:" },
    { title: "an empty list of ns", fields: { ns: [] }, path: ".ns:" },
    { title: "allow that is a text", fields: { allow: "library/*" }, path: ".allow:" },
    { title: "an empty allow", fields: { allow: [] }, path: ".allow:" },
    { title: "a glob in upper case", fields: { allow: ["Library/*"] }, path: ".allow[0]:" },
    { title: "a glob with a digest", fields: { deny: ["x@sha256"] }, path: ".deny[0]:" },
    { title: "a glob that is turned round", fields: { deny: ["!x"] }, path: ".deny[0]:" },
    { title: "a glob with two colons", fields: { deny: ["a:b:c"] }, path: ".deny[0]:" },
    { title: "a glob with an open bracket", fields: { deny: ["{a,b"] }, path: ".deny[0]:" },
    { title: "denyReason of two lines", fields: { denyReason: "a\nb" }, path: ".denyReason:" },
    {
      title: "denyDigests that are none",
      fields: { denyDigests: ["sha256:1"] },
      path: ".denyDigests[0]:",
    },
    { title: "minimumAge that is a number", fields: { minimumAge: 3 }, path: ".minimumAge:" },
    { title: "minimumAge of nothing", fields: { minimumAge: "0s" }, path: ".minimumAge:" },
    {
      title: "an unknown minimumAgeMode",
      fields: { minimumAge: "1d", minimumAgeMode: "warn" },
      path: ".minimumAgeMode:",
    },
    {
      title: "an unknown minimumAgeFirst",
      fields: { minimumAge: "1d", minimumAgeFirst: "ask" },
      path: ".minimumAgeFirst:",
    },
    {
      title: "minimumAgeExcept that is no glob",
      fields: { minimumAge: "1d", minimumAgeExcept: ["A"] },
      path: ".minimumAgeExcept[0]:",
    },
    {
      title: "minimumAgeMode without minimumAge",
      fields: { minimumAgeMode: "report" },
      path: ".minimumAgeMode:",
    },
    {
      title: "minimumAgeExcept without minimumAge",
      fields: { minimumAgeExcept: ["a"] },
      path: ".minimumAgeExcept:",
    },
    {
      title: "minimumAgeFirst without minimumAge",
      fields: { minimumAgeFirst: "serve" },
      path: ".minimumAgeFirst:",
    },
    {
      title: "immutableTags that are none",
      fields: { immutableTags: ["a b"] },
      path: ".immutableTags[0]:",
    },
    { title: "reservePulls below zero", fields: { reservePulls: -1 }, path: ".reservePulls:" },
    { title: "a kind that there is not", fields: { kind: "gcr" }, path: ".kind:" },
    { title: "a region of another kind", fields: { region: "eu-west-1" }, path: ".region:" },
    {
      title: "an endpoint of another kind",
      fields: { endpoint: "https://a.example" },
      path: ".endpoint:",
    },
    {
      title: "ECR without a key",
      fields: { kind: "ecr", region: "eu-west-1", endpoint: "https://a.example" },
      path: ".credentials:",
    },
    {
      title: "ECR without a region",
      fields: { kind: "ecr", credentials: "A", endpoint: "https://a.example" },
      path: ".region:",
    },
    {
      title: "ECR without an endpoint",
      fields: { kind: "ecr", credentials: "A", region: "eu-west-1" },
      path: ".endpoint:",
    },
    {
      title: "an endpoint without TLS",
      fields: { kind: "ecr", credentials: "A", region: "eu-west-1", endpoint: "http://a.example" },
      path: ".endpoint:",
    },
    { title: "a realm that is none", fields: { realm: "a b" }, path: ".realm" },
    { title: "an empty list of realms", fields: { realm: [] }, path: ".realm" },
    { title: "one bad realm of two", fields: { realm: ["a.example", "a b"] }, path: ".realm" },
    { title: "insecure that is a text", fields: { insecure: "true" }, path: ".insecure:" },
    { title: "tagTtl that is a number", fields: { tagTtl: 3600 }, path: ".tagTtl:" },
    { title: "tagTtl without a unit", fields: { tagTtl: "3600" }, path: ".tagTtl:" },
    { title: "tagTtl with an unknown unit", fields: { tagTtl: "1y" }, path: ".tagTtl:" },
    { title: "a negative tagTtl", fields: { tagTtl: "-1h" }, path: ".tagTtl:" },
    {
      title: "an empty firstByteTimeout",
      fields: { firstByteTimeout: "" },
      path: ".firstByteTimeout:",
    },
    {
      title: "silenceTimeout in words",
      fields: { silenceTimeout: "soon" },
      path: ".silenceTimeout:",
    },
    { title: "no people", fields: { allowancePeople: 0 }, path: ".allowancePeople:" },
    { title: "three people", fields: { allowancePeople: 3 }, path: ".allowancePeople:" },
    { title: "no connections", fields: { connections: 0 }, path: ".connections:" },
    { title: "five connections", fields: { connections: 5 }, path: ".connections:" },
    { title: "half a connection", fields: { connections: 1.5 }, path: ".connections:" },
    { title: "connections that are a text", fields: { connections: "4" }, path: ".connections:" },
    { title: "a field that there is not", fields: { tagTTL: "1h" }, path: ".tagTTL:" },
  ])("$title", ({ fields, path }) => {
    const problems = problemsOf({ RULES: [GOOD, { ...GOOD, prefix: "q", ...fields }] });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(`RULES[1]${path}`);
    expect(problems[0]?.indexOf("RULES[1]")).toBe(0);
  });

  it.each([
    ["a text", "docker.io"],
    ["null", null],
    ["a list", [GOOD]],
  ])("being %s", (_, rule) => {
    expect(problemsOf({ RULES: [rule] })).toEqual([expect.stringMatching(/^RULES\[0\]: /)]);
  });

  it("each field that is wrong", () => {
    const problems = problemsOf({ RULES: [{ ...GOOD, tagTtl: 1, connections: 9, a: 1, b: 2 }] });
    const fields = problems.map((problem) => /^RULES\[0\]\.(\w+):/.exec(problem)?.[1]);
    expect(fields.sort()).toEqual(["a", "b", "connections", "tagTtl"]);
  });
});
