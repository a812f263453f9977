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
  it.each<[string, object, object]>([
    [
      "an alias",
      { prefix: ["docker.io", "docker-hub"] },
      { prefixes: ["docker.io", "docker-hub"] },
    ],
    ["a prefix of parts", { prefix: "a/b" }, { prefixes: ["a/b"] }],
    ["upstreamPrefix", { upstreamPrefix: "team/x" }, { upstreamPrefix: "team/x" }],
    ["credentials", { credentials: "DOCKER_HUB" }, { credentials: ["DOCKER_HUB"] }],
    [
      "credentials, to be rotated",
      { credentials: ["OLD", "NEW"] },
      { credentials: ["OLD", "NEW"] },
    ],
    [
      "a default rule without a prefix",
      { prefix: undefined, default: true },
      { name: "registry.example.com", prefixes: [], default: true },
    ],
    [
      "a host",
      { prefix: undefined, host: "Docker.Mirror.example.com" },
      { name: "docker.mirror.example.com", hosts: ["docker.mirror.example.com"] },
    ],
    [
      "hosts",
      { host: ["a.localhost:8787", "b.localhost"] },
      { hosts: ["a.localhost:8787", "b.localhost"] },
    ],
    [
      "ns, by the names that clients use",
      { ns: ["docker.io", "Reg.example:5000", "quay.io:443"] },
      { ns: ["registry-1.docker.io", "reg.example:5000", "quay.io"] },
    ],
    ["allow", { allow: ["library/*", "team/app:v*"] }, { allow: ["library/*", "team/app:v*"] }],
    [
      "globs of all kinds",
      { deny: ["**", "a/**/b", "x?", "{a,b}/c:[0-9]*", "*:latest"] },
      { deny: ["**", "a/**/b", "x?", "{a,b}/c:[0-9]*", "*:latest"] },
    ],
    [
      "denyReason",
      { denyReason: "Ask the “platform” team." },
      { denyReason: "Ask the “platform” team." },
    ],
    ["denyDigests", { denyDigests: [DIGEST] }, { denyDigests: [DIGEST] }],
    ["immutableTags", { immutableTags: ["v*", "app:*"] }, { immutableTags: ["v*", "app:*"] }],
    ["staleIfError", { staleIfError: "0s" }, { staleIfError: 0 }],
    [
      "a private ECR registry",
      { kind: "ecr", upstream: "123456789012.dkr.ecr.eu-west-1.amazonaws.com", credentials: "AWS" },
      { ecr: { endpoint: "https://api.ecr.eu-west-1.amazonaws.com", region: "eu-west-1" } },
    ],
    [
      "one of China's, and by FIPS",
      {
        kind: "ecr",
        upstream: "123456789012.dkr.ecr-fips.cn-north-1.amazonaws.com.cn",
        credentials: "AWS",
      },
      { ecr: { endpoint: "https://ecr-fips.cn-north-1.amazonaws.com.cn", region: "cn-north-1" } },
    ],
    [
      "one elsewhere",
      { kind: "ecr", region: "eu-west-1", endpoint: "http://127.0.0.1:9/x/", credentials: "AWS" },
      { ecr: { endpoint: "http://127.0.0.1:9/x", region: "eu-west-1" } },
    ],
    ["realm, a host", { realm: "auth.example.com" }, { realms: ["auth.example.com"] }],
    ["realm, a port", { realm: "auth.example.com:8443" }, { realms: ["auth.example.com:8443"] }],
    [
      "realm, the port of https",
      { realm: "auth.example.com:443" },
      { realms: ["auth.example.com"] },
    ],
    [
      "realm, a URL",
      { realm: "https://auth.example.com/token" },
      { realms: ["https://auth.example.com"] },
    ],
    ["realms", { realm: ["a.example", "B.example"] }, { realms: ["a.example", "b.example"] }],
    ["tagTtl", { tagTtl: "5m" }, { tagTtl: 300_000 }],
    ["firstByteTimeout", { firstByteTimeout: "250ms" }, { firstByteTimeout: 250 }],
    ["silenceTimeout", { silenceTimeout: "1s" }, { silenceTimeout: 1000 }],
    ["connections", { connections: 1 }, { connections: 1 }],
  ])("%s", (_, fields, expected) => {
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
  it.each<[string, object, string]>([
    ["a prefix that is a number", { prefix: 5 }, ".prefix:"],
    ["an empty list of prefixes", { prefix: [] }, ".prefix:"],
    ["an empty prefix", { prefix: "" }, ".prefix"],
    ["a prefix in upper case", { prefix: "Docker" }, ".prefix"],
    ["a prefix that ends in a slash", { prefix: "docker/" }, ".prefix"],
    ["a bad alias", { prefix: ["good", "b d"] }, ".prefix[1]:"],
    ["an alias twice", { prefix: ["a", "a"] }, ".prefix:"],
    ["no upstream", { upstream: undefined }, ".upstream:"],
    ["an upstream that is a list", { upstream: ["https://a.example"] }, ".upstream:"],
    ["an upstream that is no URL", { upstream: "https://" }, ".upstream:"],
    ["upstreamPrefix that is no name", { upstreamPrefix: "/team" }, ".upstreamPrefix:"],
    ["credentials that are no name", { credentials: "docker-hub" }, ".credentials:"],
    ["credentials themselves", { credentials: '{"token":"x"}' }, ".credentials:"],
    ["a secret named twice", { credentials: ["A", "A"] }, ".credentials:"],
    ["no name at all", { prefix: undefined }, ".prefix:"],
    ["default that is a text", { default: "true" }, ".default:"],
    ["a host with a scheme", { host: "https://a.example" }, ".host:"],
    ["a host with a wildcard", { host: ["a.example", "*.example"] }, ".host[1]:"],
    ["ns with a path", { ns: "a.example/b" }, ".ns:"],
    ["an empty list of ns", { ns: [] }, ".ns:"],
    ["allow that is a text", { allow: "library/*" }, ".allow:"],
    ["an empty allow", { allow: [] }, ".allow:"],
    ["a glob in upper case", { allow: ["Library/*"] }, ".allow[0]:"],
    ["a glob with a digest", { deny: ["x@sha256"] }, ".deny[0]:"],
    ["a glob that is turned round", { deny: ["!x"] }, ".deny[0]:"],
    ["a glob with two colons", { deny: ["a:b:c"] }, ".deny[0]:"],
    ["a glob with an open bracket", { deny: ["{a,b"] }, ".deny[0]:"],
    ["denyReason of two lines", { denyReason: "a\nb" }, ".denyReason:"],
    ["denyDigests that are none", { denyDigests: ["sha256:1"] }, ".denyDigests[0]:"],
    ["immutableTags that are none", { immutableTags: ["a b"] }, ".immutableTags[0]:"],
    ["reservePulls below zero", { reservePulls: -1 }, ".reservePulls:"],
    ["a kind that there is not", { kind: "gcr" }, ".kind:"],
    ["a region of another kind", { region: "eu-west-1" }, ".region:"],
    ["an endpoint of another kind", { endpoint: "https://a.example" }, ".endpoint:"],
    [
      "ECR without a key",
      { kind: "ecr", region: "eu-west-1", endpoint: "https://a.example" },
      ".credentials:",
    ],
    [
      "ECR without a region",
      { kind: "ecr", credentials: "A", endpoint: "https://a.example" },
      ".region:",
    ],
    [
      "ECR without an endpoint",
      { kind: "ecr", credentials: "A", region: "eu-west-1" },
      ".endpoint:",
    ],
    [
      "an endpoint without TLS",
      { kind: "ecr", credentials: "A", region: "eu-west-1", endpoint: "http://a.example" },
      ".endpoint:",
    ],
    ["a realm that is none", { realm: "a b" }, ".realm"],
    ["an empty list of realms", { realm: [] }, ".realm"],
    ["one bad realm of two", { realm: ["a.example", "a b"] }, ".realm"],
    ["insecure that is a text", { insecure: "true" }, ".insecure:"],
    ["tagTtl that is a number", { tagTtl: 3600 }, ".tagTtl:"],
    ["tagTtl without a unit", { tagTtl: "3600" }, ".tagTtl:"],
    ["tagTtl with an unknown unit", { tagTtl: "1y" }, ".tagTtl:"],
    ["a negative tagTtl", { tagTtl: "-1h" }, ".tagTtl:"],
    ["an empty firstByteTimeout", { firstByteTimeout: "" }, ".firstByteTimeout:"],
    ["silenceTimeout in words", { silenceTimeout: "soon" }, ".silenceTimeout:"],
    ["no connections", { connections: 0 }, ".connections:"],
    ["five connections", { connections: 5 }, ".connections:"],
    ["half a connection", { connections: 1.5 }, ".connections:"],
    ["connections that are a text", { connections: "4" }, ".connections:"],
    ["a field that there is not", { tagTTL: "1h" }, ".tagTTL:"],
  ])("%s", (_, fields, path) => {
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
