// The names that content, tokens and refusals are kept under.

import { describe, expect, it } from "vitest";
import { originOf, sourceKey } from "../../src/policy/source.ts";
import { ruleOf } from "../config/rules.ts";

const keyOf = (fields: object) => sourceKey({ rule: ruleOf(fields), repository: "team/app" });

it("tell an upstream by its host, not by the rule's prefix", () => {
  expect(keyOf({ prefix: "one" })).toBe(keyOf({ prefix: ["two", "three"], tagTtl: "5m" }));
});

describe("differ with", () => {
  it.each<[string, object]>([
    ["the host", { upstream: "other.example.com" }],
    ["the port", { upstream: "registry.example.com:8443" }],
    ["the path", { upstream: "https://registry.example.com/mirror" }],
    ["credentials", { credentials: "HUB" }],
  ])("%s", (_, fields) => {
    expect(originOf(ruleOf(fields))).not.toBe(originOf(ruleOf({})));
    expect(keyOf(fields)).not.toBe(keyOf({}));
  });

  it("the secret that is named", () => {
    expect(keyOf({ credentials: "HUB" })).not.toBe(keyOf({ credentials: "HUB_2" }));
  });

  it("where the host ends and the repository begins", () => {
    const whole = ruleOf({ upstream: "https://registry.example.com" });
    const part = ruleOf({ upstream: "https://registry.example.com/a" });
    expect(sourceKey({ rule: whole, repository: "a/b" })).not.toBe(
      sourceKey({ rule: part, repository: "b" }),
    );
  });

  it("the repository", () => {
    const rule = ruleOf({});
    expect(sourceKey({ rule, repository: "a" })).not.toBe(sourceKey({ rule, repository: "b" }));
  });
});
