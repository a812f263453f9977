// Names over all rules: one name never means two images.

import { describe, expect, it } from "vitest";
import { GOOD, problemsOf } from "./rules.ts";

const HUB = { prefix: "hub.example", upstream: "docker.io", default: true };

describe("what two rules claim is refused, with both places:", () => {
  it.each<[string, object, object, string]>([
    ["a prefix", { prefix: "a" }, { prefix: ["b", "a"] }, "RULES[1].prefix"],
    ["a host", { host: "a.example" }, { host: ["b.example", "A.example"] }, "RULES[1].host"],
    ["ns", { ns: "docker.io" }, { ns: "index.docker.io" }, "RULES[1].ns"],
    [
      "the default",
      { default: true, shadow: true },
      { default: true, shadow: true },
      "RULES[1].default",
    ],
  ])("%s", (_, one, other, path) => {
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
  it.each<[string, object, boolean]>([
    ["is refused", { prefix: "gitlab" }, true],
    ["is refused as an alias", { prefix: ["gitlab.example", "gitlab"] }, true],
    ["is refused with an underscore, which hides as well", { prefix: "git_lab" }, true],
    ["is refused for its first part", { prefix: "gitlab/my-images" }, true],
    ["is not one with a dot", { prefix: "gitlab.example" }, false],
    ["is not one with a dash", { prefix: "gitlab-images" }, false],
    ["is not one of more parts, the first with a dot", { prefix: "gitlab.example/team" }, false],
    ["is allowed where the rule says so", { prefix: "gitlab", shadow: true }, false],
  ])("%s", (_, fields, refused) => {
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
