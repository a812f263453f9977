// Allowances, decided: which lets a digest pass, by how many people, until when.

import { describe, expect, it } from "vitest";
import { type Allowance, allowanceFor } from "../../src/policy/trust.ts";

const DIGEST = `sha256:${"a".repeat(64)}`;
const OTHER = `sha256:${"b".repeat(64)}`;
const NOW = Date.UTC(2026, 10, 29);

describe("an allowance", () => {
  it.each<{ title: string; fields: Partial<Allowance>; people: number; passed: boolean }>([
    { title: "of one person, for a rule that asks for one", fields: {}, people: 1, passed: true },
    { title: "of one person, for a rule that asks for two", fields: {}, people: 2, passed: false },
    {
      title: "confirmed by another, for a rule that asks for two",
      fields: { confirmedBy: "bob" },
      people: 2,
      passed: true,
    },
    {
      title: "confirmed by another, for a rule that asks for one",
      fields: { confirmedBy: "bob" },
      people: 1,
      passed: true,
    },
    {
      title: "confirmed by the person who added it",
      fields: { confirmedBy: "ann" },
      people: 2,
      passed: false,
    },
    { title: "in its last millisecond", fields: { until: NOW + 1 }, people: 1, passed: true },
    { title: "at its end", fields: { until: NOW }, people: 1, passed: false },
    {
      title: "after its end, confirmed",
      fields: { until: NOW - 1, confirmedBy: "bob" },
      people: 2,
      passed: false,
    },
    { title: "of another digest", fields: { digest: OTHER }, people: 1, passed: false },
  ])("$title: passes $passed", ({ fields, people, passed }) => {
    const given = { digest: DIGEST, until: NOW + 1, reason: "r", who: "ann", at: NOW - 1 };
    const one = { ...given, ...fields };
    const found = allowanceFor(new Map([[one.digest, one]]), DIGEST, people, NOW);
    expect(found).toBe(passed ? one : undefined);
  });

  it("is none where none are known, as in an isolate without the page", () => {
    expect(allowanceFor(undefined, DIGEST, 1, NOW)).toBeUndefined();
    expect(allowanceFor(new Map(), DIGEST, 1, NOW)).toBeUndefined();
  });
});
