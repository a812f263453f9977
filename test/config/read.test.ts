// The door of the configuration: lists, where they come from, and how they are joined.

import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { ConfigError, readConfig } from "../../src/config/read.ts";
import { GOOD, problemsOf } from "./rules.ts";

const A = { prefix: ["a", "a-alias"], upstream: "a.example" };
const B = { prefix: "b", upstream: "b.example" };
const prefixesOf = (variables: Record<string, unknown>) =>
  readConfig(variables).rules.map(({ rule }) => rule.prefixes[0]);

describe("a list", () => {
  it.each<[string, Record<string, unknown>, string[]]>([
    ["as TOML gives it", { RULES: [A, B] }, ["a", "b"]],
    ["as a string of JSON", { RULES: JSON.stringify([A, B]) }, ["a", "b"]],
    ["under another name", { RULES_EXTRA: [A] }, ["a"]],
    ["and another, RULES first", { RULES_2: [B], RULES: [A] }, ["a", "b"]],
    ["in TOML and another in JSON", { RULES: [B], RULES_EXTRA: JSON.stringify([A]) }, ["b", "a"]],
    ["beside other variables", { RULES: [A], RULESX: 5, rules: 5, MY_RULES: 5 }, ["a"]],
  ])("%s", (_, variables, expected) => {
    expect(prefixesOf(variables)).toEqual(expected);
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    ["none", {}, /^RULES: /],
    ["none but near misses", { RULESX: [A], MY_RULES: [A] }, /^RULES: /],
    ["a number", { RULES: 5 }, /^RULES: /],
    ["a table", { RULES: A }, /^RULES: /],
    ["no JSON", { RULES: "[{" }, /^RULES: /],
    ["an empty string", { RULES: "" }, /^RULES: /],
    ["JSON that is no list", { RULES: JSON.stringify(A) }, /^RULES: /],
    ["JSON in JSON", { RULES: JSON.stringify(JSON.stringify([A])) }, /^RULES: /],
    ["no JSON, in another variable", { RULES: [A], RULES_EXTRA: "x" }, /^RULES_EXTRA: /],
    ["a bad rule in a string", { RULES: '[{"prefix":"p"}]' }, /^RULES\[0\]\.upstream: /],
    ["a bad second rule", { RULES: [A, { prefix: "b" }] }, /^RULES\[1\]\.upstream: /],
    [
      "a bad rule in another list",
      { RULES: [A], RULES_EXTRA: [{ ...B, prefix: "B" }] },
      /^RULES_EXTRA\[0\]\.prefix/,
    ],
  ])("is refused with its path: %s", (_, variables, expected) => {
    expect(problemsOf(variables)).toEqual([expect.stringMatching(expected)]);
  });

  it("is refused with all that is wrong in all of them", () => {
    const variables = {
      RULES: [{ ...A, tagTtl: 1 }, B, { prefix: "c" }],
      RULES_2: "x",
      RULES_3: [{ ...GOOD, upstream: "http://a.example" }],
    };
    const problems = problemsOf(variables);
    expect(problems.map((problem) => problem.split(":")[0])).toEqual([
      "RULES[0].tagTtl",
      "RULES[2].upstream",
      "RULES_2",
      "RULES_3[0].upstream",
    ]);
    expect(() => readConfig(variables)).toThrow(problems.join("; "));
    expect(() => readConfig(variables)).toThrow(ConfigError);
  });
});

it("text that is no JSON is never quoted: the variable may be a secret", () => {
  const secret = '"a-s3cret-that-was-put-here" }';
  for (const variable of ["RULES", "AUTH", "LIFECYCLE"]) {
    for (const text of [secret, `[${secret}`, `[1, ${secret.slice(1)}`]) {
      const problems = problemsOf({ RULES: [A], [variable]: text });
      expect(problems).toEqual([expect.stringMatching(new RegExp(`^${variable}: is not JSON`))]);
      expect(problems.join()).not.toMatch(/s3cret|put/);
    }
  }
});

describe("a prefix may be taken once:", () => {
  it.each<[string, Record<string, unknown>, string, string, string]>([
    ["a prefix", { RULES: [A, { ...B, prefix: "a" }] }, "RULES[1].prefix", '"a"', "RULES[0]"],
    [
      "an alias",
      { RULES: [A, { ...B, prefix: "a-alias" }] },
      "RULES[1].prefix",
      '"a-alias"',
      "RULES[0]",
    ],
    [
      "by an alias",
      { RULES: [B, { ...A, prefix: ["x", "b"] }] },
      "RULES[1].prefix",
      '"b"',
      "RULES[0]",
    ],
    [
      "across lists",
      { RULES: [B, A], RULES_EXTRA: [{ ...B, prefix: "a" }] },
      "RULES_EXTRA[0].prefix",
      '"a"',
      "RULES[1]",
    ],
  ])("%s", (_, variables, path, prefix, owner) => {
    const problems = problemsOf(variables);
    expect(problems).toHaveLength(1);
    expect(problems[0]?.indexOf(`${path}: `)).toBe(0);
    expect(problems[0]).toContain(prefix);
    expect(problems[0]).toContain(`by ${owner}`);
  });

  it("a longer one is another", () => {
    expect(problemsOf({ RULES: [A, { ...B, prefix: "a/b" }] })).toEqual([]);
  });
});

describe("the configuration that is shipped", () => {
  it.each([
    ["docker.io", "docker-hub", "registry-1.docker.io"],
    ["quay.io", "quay", "quay.io"],
    ["ghcr.io", "ghcr", "ghcr.io"],
    ["public.ecr.aws", "ecr-public", "public.ecr.aws"],
    ["registry.k8s.io", "k8s", "registry.k8s.io"],
    ["gcr.io", "gcr", "gcr.io"],
    ["mcr.microsoft.com", "mcr", "mcr.microsoft.com"],
    ["registry.gitlab.com", "gitlab", "registry.gitlab.com"],
  ])("has %s, also as %s", (host, alias, upstream) => {
    const { rules } = readConfig({ RULES: (env as unknown as { SHIPPED: string }).SHIPPED });
    const found = rules.filter(({ rule }) => rule.upstream.host === upstream);
    expect(found).toHaveLength(1);
    expect(found[0]?.rule.prefixes).toEqual([host, alias]);
    expect(found[0]?.problem).toBeUndefined();
  });
});
