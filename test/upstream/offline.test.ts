// Offline by today's configuration, whatever a rule of yesterday says.

import { expect, it } from "vitest";
import { isOfflineIn } from "../../src/upstream/client/offline.ts";
import { GOOD, ruleOf } from "../config/rules.ts";

const other = { ...GOOD, prefix: "other", upstream: "other.example.com" };

it.each<{ title: string; variables: object; expected: boolean }>([
  { title: "no setting", variables: { RULES: [GOOD] }, expected: false },
  {
    title: "the rule is offline",
    variables: { RULES: [{ ...GOOD, offline: true }] },
    expected: true,
  },
  {
    title: "another rule is offline",
    variables: { RULES: [GOOD, { ...other, offline: true }] },
    expected: false,
  },
  {
    title: "one of two rules of the upstream says so",
    variables: { RULES: [GOOD, { ...GOOD, prefix: "q", offline: true }] },
    expected: false,
  },
  { title: "OFFLINE says so", variables: { RULES: [GOOD], OFFLINE: "true" }, expected: true },
  {
    title: "OFFLINE says so, and the rule is gone",
    variables: { RULES: [other], OFFLINE: true },
    expected: true,
  },
  { title: "the rule is gone", variables: { RULES: [other] }, expected: false },
  { title: "the configuration is unusable", variables: { RULES: "x" }, expected: false },
])("$title: $expected", ({ variables, expected }) => {
  expect(isOfflineIn({ ...variables }, ruleOf({}))).toBe(expected);
});
