// A rule's fields about vulnerabilities: what they become, and what is refused.

import { expect, it } from "vitest";
import { ConfigError, readConfig } from "../../src/config/read.ts";

const read = (fields: object) =>
  readConfig({
    AUTH: { mode: "token" },
    RULES: [{ prefix: "a", upstream: "registry.example", ...fields }],
  }).rules[0]?.rule.vulnerabilities;
const problems = (fields: object): string[] => {
  try {
    read(fields);
    return [];
  } catch (error) {
    return (error as ConfigError).problems;
  }
};

it("is undefined without vulnerabilities, and reports by default", () => {
  expect(read({})).toBeUndefined();
  expect(read({ vulnerabilities: { refuse: "high", grace: "7d" } })).toEqual({
    refuse: "high",
    fixableOnly: false,
    unscanned: "serve",
    grace: 7 * 24 * 60 * 60_000,
    ignore: [],
    mode: "report",
  });
});

it.each([
  [
    { vulnerabilitiesMode: "enforce" },
    "RULES[0].vulnerabilitiesMode: has no effect without vulnerabilities",
  ],
  [
    { vulnerabilities: { refuse: "worst" } },
    "RULES[0].vulnerabilities.refuse: must be one of critical, high, medium, low, negligible",
  ],
  [
    { vulnerabilities: { refuse: "high", grace: 7 } },
    'RULES[0].vulnerabilities.grace: must be a duration in quotes, such as "7d"',
  ],
  [
    { vulnerabilities: { refuse: "high" }, vulnerabilitiesMode: "on" },
    'RULES[0].vulnerabilitiesMode: must be "report" or "enforce"',
  ],
])("%j is refused", (fields, problem) => {
  expect(problems(fields)).toEqual([problem]);
  expect(() => read(fields)).toThrow(ConfigError);
});
