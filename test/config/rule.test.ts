// A rule, field by field: what it becomes, and how a bad one is told.

import { describe, expect, it } from "vitest";
import { GOOD, problemsOf, ruleOf } from "./rules.ts";

it("has defaults for all but prefix and upstream", () => {
  expect(ruleOf({})).toEqual({
    prefixes: ["p"],
    upstream: { base: "https://registry.example.com", host: "registry.example.com" },
    realms: [],
    tagTtl: 3_600_000,
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
    ["credentials", { credentials: "DOCKER_HUB" }, { credentials: "DOCKER_HUB" }],
    ["realm, a host", { realm: "auth.example.com" }, { realms: ["auth.example.com"] }],
    ["realm, a port", { realm: "auth.example.com:8443" }, { realms: ["auth.example.com:8443"] }],
    [
      "realm, the port of https",
      { realm: "auth.example.com:443" },
      { realms: ["auth.example.com"] },
    ],
    ["realm, a URL", { realm: "https://auth.example.com/token" }, { realms: ["auth.example.com"] }],
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
    ["no prefix", { prefix: undefined }, ".prefix:"],
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
