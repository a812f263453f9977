// Freshness of what is known of a tag.

import { expect, it } from "vitest";
import type { Digest } from "../../src/oci/digest.ts";
import { freshnessOf } from "../../src/policy/fresh.ts";
import { ruleOf } from "../config/rules.ts";

const digest = `sha256:${"a".repeat(64)}` as Digest;
const NOW = 1_750_000_000_000;

it.each([
  { title: "just checked", age: 0, tagTtl: 1000, expected: true },
  { title: "a moment before its time", age: 999, tagTtl: 1000, expected: true },
  { title: "at its time", age: 1000, tagTtl: 1000, expected: false },
  { title: "past its time", age: 1001, tagTtl: 1000, expected: false },
  { title: "with no time at all", age: 0, tagTtl: 0, expected: false },
  { title: "an hour old, for a day", age: 3_600_000, tagTtl: 86_400_000, expected: true },
])("$title", ({ age, tagTtl, expected }) => {
  const source = { rule: { ...ruleOf({}), tagTtl }, repository: "x" };
  const fresh = freshnessOf({ digest, checkedAt: NOW - age }, source, "1", NOW) === "fresh";
  expect(fresh).toBe(expected);
});
