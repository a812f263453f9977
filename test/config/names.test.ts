// Names over all rules: one name never means two images.

import { describe, expect, it } from "vitest";
import { GOOD, problemsOf } from "./rules.ts";

const HUB = { prefix: "hub.example", upstream: "docker.io", default: true };

describe("what two rules claim is refused, with both places:", () => {
  it.each<{ title: string; one: object; other: object; path: string }>([
    {
      title: "a prefix",
      one: { prefix: "a" },
      other: { prefix: ["b", "a"] },
      path: "RULES[1].prefix",
    },
    {
      title: "a host",
      one: { host: "a.example" },
      other: { host: ["b.example", "A.example"] },
      path: "RULES[1].host",
    },
    {
      title: "ns",
      one: { ns: "docker.io" },
      other: { ns: "index.docker.io" },
      path: "RULES[1].ns",
    },
    {
      title: "the default",
      one: { default: true, shadow: true },
      other: { default: true, shadow: true },
      path: "RULES[1].default",
    },
  ])("$title", ({ one, other, path }) => {
    const problems = problemsOf({
      RULES: [
        { ...GOOD, ...one },
        { ...GOOD, prefix: "q", ...other },
      ],
    });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(new RegExp(`^${path.replace(/[[\]]/g, "\\$&")}: `));
    expect(problems[0]).toContain("RULES[0]");
  });

  it("one upstream is not: several rules may share it", () => {
    expect(problemsOf({ RULES: [GOOD, { ...GOOD, prefix: "q" }] })).toEqual([]);
  });
});

describe("beside a default rule, a prefix that could hide one of its namespaces", () => {
  it.each<{ title: string; fields: object; refused: boolean }>([
    { title: "is refused", fields: { prefix: "gitlab" }, refused: true },
    {
      title: "is refused as an alias",
      fields: { prefix: ["gitlab.example", "gitlab"] },
      refused: true,
    },
    {
      title: "is refused with an underscore, which hides as well",
      fields: { prefix: "git_lab" },
      refused: true,
    },
    {
      title: "is refused for its first part",
      fields: { prefix: "gitlab/my-images" },
      refused: true,
    },
    { title: "is not one with a dot", fields: { prefix: "gitlab.example" }, refused: false },
    { title: "is not one with a dash", fields: { prefix: "gitlab-images" }, refused: false },
    {
      title: "is not one of more parts, the first with a dot",
      fields: { prefix: "gitlab.example/team" },
      refused: false,
    },
    {
      title: "is allowed where the rule says so",
      fields: { prefix: "gitlab", shadow: true },
      refused: false,
    },
  ])("$title", ({ fields, refused }) => {
    const rules = [{ ...GOOD, ...fields }, HUB];
    const problems = problemsOf({ RULES: rules });
    expect(problems).toHaveLength(refused ? 1 : 0);
    if (refused) expect(problems[0]).toMatch(/^RULES\[0\]\.prefix: .*RULES\[1\].*shadow = true/);
    expect(problemsOf({ RULES: [rules[0], { ...HUB, default: false }] })).toEqual([]);
  });

  it("is refused of the default rule itself, and over several variables", () => {
    expect(problemsOf({ RULES: [{ ...HUB, prefix: "hub" }] })).toHaveLength(1);
    expect(problemsOf({ RULES: [HUB], RULES_2: [{ ...GOOD, prefix: "quay" }] })).toHaveLength(1);
  });
});

describe("OFFLINE", () => {
  it.each([true, "true", "1", "TRUE", false, "false", "0", "", undefined])("may be %s", (value) => {
    expect(problemsOf({ RULES: [GOOD], OFFLINE: value })).toEqual([]);
  });

  it.each(["yes", 5, [], "on"])("must not be %s", (value) => {
    expect(problemsOf({ RULES: [GOOD], OFFLINE: value })).toEqual([
      "OFFLINE: must be true or false",
    ]);
  });
});
