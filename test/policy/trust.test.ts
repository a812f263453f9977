// Allowances, decided: which lets a digest pass, by how many people, until when.

import { describe, expect, it } from "vitest";
import { type Allowance, allowanceFor } from "../../src/policy/trust.ts";

const DIGEST = `sha256:${"a".repeat(64)}`;
const OTHER = `sha256:${"b".repeat(64)}`;
const NOW = Date.UTC(2026, 10, 29);

const passes = (fields: Partial<Allowance>, people: number, now = NOW, digest = DIGEST) => {
  const one = { digest: DIGEST, until: NOW + 1, reason: "r", who: "ann", at: NOW - 1, ...fields };
  return allowanceFor(new Map([[one.digest, one]]), digest, people, now) === one;
};

describe("an allowance", () => {
  it.each<[string, boolean, Parameters<typeof passes>]>([
    ["of one person, for a rule that asks for one", true, [{}, 1]],
    ["of one person, for a rule that asks for two", false, [{}, 2]],
    ["confirmed by another, for a rule that asks for two", true, [{ confirmedBy: "bob" }, 2]],
    ["confirmed by another, for a rule that asks for one", true, [{ confirmedBy: "bob" }, 1]],
    ["confirmed by the person who added it", false, [{ confirmedBy: "ann" }, 2]],
    ["in its last millisecond", true, [{}, 1, NOW]],
    ["at its end", false, [{}, 1, NOW + 1]],
    ["after its end, confirmed", false, [{ confirmedBy: "bob" }, 2, NOW + 1]],
    ["of another digest", false, [{}, 1, NOW, OTHER]],
  ])("%s: %s", (_, expected, given) => {
    expect(passes(...given)).toBe(expected);
  });

  it("is none where none are known, as in an isolate without the page", () => {
    expect(allowanceFor(undefined, DIGEST, 1, NOW)).toBeUndefined();
    expect(allowanceFor(new Map(), DIGEST, 1, NOW)).toBeUndefined();
  });
});
