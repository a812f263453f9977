// Freshness of what is known of a tag.

import { expect, it } from "vitest";
import type { Digest } from "../../src/oci/digest.ts";
import { isFresh } from "../../src/policy/fresh.ts";

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
  expect(isFresh({ digest, checkedAt: NOW - age }, tagTtl, NOW)).toBe(expected);
});
