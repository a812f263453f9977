// Rules that enforce a check, and the warning of `check` about clients that go round them.

import { describe, expect, it } from "vitest";
import { enforces, mirrorWarning } from "../../src/config/enforcing.ts";
import { readConfig } from "../../src/config/read.ts";
import { factsOf, type SetupOptions } from "../../src/setup/facts.ts";

const HUB = { prefix: "docker.io", upstream: "docker.io" };
const rulesOf = (...rules: object[]) =>
  readConfig({
    RULES: rules,
    AUTH: { mode: "open", acknowledgeOpen: true },
  }).rules.map(({ rule }) => rule);
const [rule] = rulesOf(HUB);
if (!rule) throw new Error("there is no rule");

describe.each(["minimumAge", "verify", "vulnerabilities"])("%s", (check) => {
  it.each([
    { mode: "enforce", expected: true },
    { mode: "report", expected: false },
  ])("in mode $mode: $expected", ({ mode, expected }) => {
    expect(enforces({ ...rule, [check]: { mode } })).toBe(expected);
    expect(mirrorWarning([rule, { ...rule, [check]: { mode } }]) !== undefined).toBe(expected);
  });
});

it("lists that refuse are no check of trust", () => {
  const lists = { deny: ["**"], denyDigests: [`sha256:${"a".repeat(64)}`], allow: ["library/*"] };
  const rules = rulesOf({ ...HUB, ...lists });
  expect(rules.map(enforces)).toEqual([false]);
  expect(mirrorWarning(rules)).toBeUndefined();
});

const held = { minimumAge: { mode: "enforce" } } as object;

describe("set-up", () => {
  const config = readConfig({ RULES: [HUB], AUTH: { mode: "open", acknowledgeOpen: true } });
  const url = new URL("https://mirror.example.com");
  const factsWith = (fields: object, wanted?: SetupOptions) => {
    const rules = config.rules.map((one) => ({ ...one, ...fields }));
    return factsOf({ ...config, rules }, url, wanted).enforces;
  };

  it("leaves no way past the cache where a rule enforces, also one that cannot be used", () => {
    expect(factsWith({})).toBe(false);
    expect(factsWith({ rule: { ...rule, ...held } })).toBe(true);
    expect(factsWith({ rule: { ...rule, ...held }, problem: "a secret is missing" })).toBe(true);
  });

  it("is overridden by what a request wants", () => {
    expect(factsWith({}, { enforces: true })).toBe(true);
    expect(factsWith({ rule: { ...rule, ...held } }, { enforces: false })).toBe(false);
  });
});

describe("the warning", () => {
  it("is one, with the rules that enforce and what to do", () => {
    const [hub, quay, ghcr] = rulesOf(
      HUB,
      { prefix: "quay.io", upstream: "quay.io" },
      {
        prefix: "ghcr.io",
        upstream: "ghcr.io",
      },
    ) as [typeof rule, typeof rule, typeof rule];
    const warning = mirrorWarning([{ ...hub, ...held }, quay, { ...ghcr, ...held }]);
    expect(warning).toMatch(/^docker\.io, ghcr\.io: enforced, but /);
    for (const part of ["/setup", "server in hosts.toml", "disable-default-registry-endpoint"])
      expect(warning).toContain(part);
    expect(warning).toContain("dockerd's registry-mirrors");
    expect(warning).not.toContain("default rule");
  });

  it("names the default rule, by which dockerd asks", () => {
    const rules = rulesOf({ ...HUB, default: true }).map((one) => ({ ...one, ...held }));
    expect(mirrorWarning(rules)).toContain("docker.io is the default rule");
  });
});
