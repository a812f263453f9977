// Offline by today's configuration, whatever a rule of yesterday says.

import { expect, it } from "vitest";
import { isOfflineIn } from "../../src/upstream/client/offline.ts";
import { GOOD, ruleOf } from "../config/rules.ts";

const other = { ...GOOD, prefix: "other", upstream: "other.example.com" };

it.each<[string, object, boolean]>([
  ["nothing says so", { RULES: [GOOD] }, false],
  ["the rule says so", { RULES: [{ ...GOOD, offline: true }] }, true],
  ["another rule says so", { RULES: [GOOD, { ...other, offline: true }] }, false],
  [
    "one of two rules of the upstream says so",
    { RULES: [GOOD, { ...GOOD, prefix: "q", offline: true }] },
    false,
  ],
  ["OFFLINE says so", { RULES: [GOOD], OFFLINE: "true" }, true],
  ["OFFLINE says so, and the rule is gone", { RULES: [other], OFFLINE: true }, true],
  ["the rule is gone", { RULES: [other] }, false],
  ["the configuration is unusable", { RULES: "x" }, false],
])("%s: %s", (_, variables, expected) => {
  expect(isOfflineIn({ ...variables }, ruleOf({}))).toBe(expected);
});
