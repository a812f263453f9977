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
  it.each<{ title: string; variables: Record<string, unknown>; expected: string[] }>([
    { title: "as TOML gives it", variables: { RULES: [A, B] }, expected: ["a", "b"] },
    {
      title: "as a string of JSON",
      variables: { RULES: JSON.stringify([A, B]) },
      expected: ["a", "b"],
    },
    { title: "under another name", variables: { RULES_EXTRA: [A] }, expected: ["a"] },
    {
      title: "and another, RULES first",
      variables: { RULES_2: [B], RULES: [A] },
      expected: ["a", "b"],
    },
    {
      title: "in TOML and another in JSON",
      variables: { RULES: [B], RULES_EXTRA: JSON.stringify([A]) },
      expected: ["b", "a"],
    },
    {
      title: "beside other variables",
      variables: { RULES: [A], RULESX: 5, rules: 5, MY_RULES: 5 },
      expected: ["a"],
    },
  ])("$title", ({ variables, expected }) => {
    expect(prefixesOf(variables)).toEqual(expected);
  });

  it.each<{ title: string; variables: Record<string, unknown>; expected: RegExp }>([
    { title: "none", variables: {}, expected: /^RULES: / },
    {
      title: "none but near misses",
      variables: { RULESX: [A], MY_RULES: [A] },
      expected: /^RULES: /,
    },
    { title: "a number", variables: { RULES: 5 }, expected: /^RULES: / },
    { title: "a table", variables: { RULES: A }, expected: /^RULES: / },
    { title: "no JSON", variables: { RULES: "[{" }, expected: /^RULES: / },
    { title: "an empty string", variables: { RULES: "" }, expected: /^RULES: / },
    {
      title: "JSON that is no list",
      variables: { RULES: JSON.stringify(A) },
      expected: /^RULES: /,
    },
    {
      title: "JSON in JSON",
      variables: { RULES: JSON.stringify(JSON.stringify([A])) },
      expected: /^RULES: /,
    },
    {
      title: "no JSON, in another variable",
      variables: { RULES: [A], RULES_EXTRA: "x" },
      expected: /^RULES_EXTRA: /,
    },
    {
      title: "a bad rule in a string",
      variables: { RULES: '[{"prefix":"p"}]' },
      expected: /^RULES\[0\]\.upstream: /,
    },
    {
      title: "a bad second rule",
      variables: { RULES: [A, { prefix: "b" }] },
      expected: /^RULES\[1\]\.upstream: /,
    },
    {
      title: "a bad rule in another list",
      variables: { RULES: [A], RULES_EXTRA: [{ ...B, prefix: "B" }] },
      expected: /^RULES_EXTRA\[0\]\.prefix/,
    },
  ])("is refused with its path: $title", ({ variables, expected }) => {
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
  it.each<{
    title: string;
    variables: Record<string, unknown>;
    path: string;
    prefix: string;
    owner: string;
  }>([
    {
      title: "a prefix",
      variables: { RULES: [A, { ...B, prefix: "a" }] },
      path: "RULES[1].prefix",
      prefix: '"a"',
      owner: "RULES[0]",
    },
    {
      title: "an alias",
      variables: { RULES: [A, { ...B, prefix: "a-alias" }] },
      path: "RULES[1].prefix",
      prefix: '"a-alias"',
      owner: "RULES[0]",
    },
    {
      title: "by an alias",
      variables: { RULES: [B, { ...A, prefix: ["x", "b"] }] },
      path: "RULES[1].prefix",
      prefix: '"b"',
      owner: "RULES[0]",
    },
    {
      title: "across lists",
      variables: { RULES: [B, A], RULES_EXTRA: [{ ...B, prefix: "a" }] },
      path: "RULES_EXTRA[0].prefix",
      prefix: '"a"',
      owner: "RULES[1]",
    },
  ])("$title", ({ variables, path, prefix, owner }) => {
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
    { host: "docker.io", alias: "docker-hub", upstream: "registry-1.docker.io" },
    { host: "quay.io", alias: "quay", upstream: "quay.io" },
    { host: "ghcr.io", alias: "ghcr", upstream: "ghcr.io" },
    { host: "public.ecr.aws", alias: "ecr-public", upstream: "public.ecr.aws" },
    { host: "registry.k8s.io", alias: "k8s", upstream: "registry.k8s.io" },
    { host: "gcr.io", alias: "gcr", upstream: "gcr.io" },
    { host: "mcr.microsoft.com", alias: "mcr", upstream: "mcr.microsoft.com" },
    { host: "registry.gitlab.com", alias: "gitlab", upstream: "registry.gitlab.com" },
  ])("has $host, also as $alias", ({ host, alias, upstream }) => {
    const { rules } = readConfig({ RULES: (env as unknown as { SHIPPED: string }).SHIPPED });
    const found = rules.filter(({ rule }) => rule.upstream.host === upstream);
    expect(found).toHaveLength(1);
    expect(found[0]?.rule.prefixes).toEqual([host, alias]);
    expect(found[0]?.problem).toBeUndefined();
  });
});
