// LIMITS: what is read of it, and what stops at the door.

import { expect, it } from "vitest";
import { readLimits } from "../../src/config/limits.ts";

it.each([
  [undefined, 6000],
  ["", 6000],
  [{}, 6000],
  [{ coldRequests: 0 }, 0],
  ['{"coldRequests": 12}', 12],
])("%j", (given, coldRequests) => {
  const problems: string[] = [];
  expect(readLimits(given, problems)).toEqual({ coldRequests });
  expect(problems).toEqual([]);
});

it.each([
  [{ coldRequests: -1 }, /^LIMITS\.coldRequests: .*0/],
  [{ coldRequests: 1.5 }, /^LIMITS\.coldRequests: /],
  [{ coldRequests: "many" }, /^LIMITS\.coldRequests: /],
  [{ cold: 1 }, /^LIMITS\.cold: |^LIMITS: .*cold/],
  ["not JSON", /^LIMITS: /],
  [7, /^LIMITS/],
])("%j stops at the door", (given, words) => {
  const problems: string[] = [];
  readLimits(given, problems);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatch(words);
});
