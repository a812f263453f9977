// Freshness of what is known of a tag.

import { expect, it } from "vitest";
import type { Digest } from "../../src/oci/digest.ts";
import { freshnessOf } from "../../src/policy/fresh.ts";
import { ruleOf } from "../config/rules.ts";

const digest = `sha256:${"a".repeat(64)}` as Digest;
const NOW = 1_750_000_000_000;

it.each([
  ["just checked", 0, 1000, true],
  ["a moment before its time", 999, 1000, true],
  ["at its time", 1000, 1000, false],
  ["past its time", 1001, 1000, false],
  ["with no time at all", 0, 0, false],
  ["an hour old, for a day", 3_600_000, 86_400_000, true],
])("%s", (_, age, tagTtl, expected) => {
  const source = { rule: { ...ruleOf({}), tagTtl }, repository: "x" };
  const fresh = freshnessOf({ digest, checkedAt: NOW - age }, source, "1", NOW) === "fresh";
  expect(fresh).toBe(expected);
});
