// Verdicts: findings of scanners kept side by side, and weighed together.

import { describe, expect, it } from "vitest";
import {
  countsOf,
  type Findings,
  idsOf,
  scannedAt,
  type Verdict,
  type Vulnerability,
  weighed,
  withFindings,
  withoutFindings,
} from "../../src/policy/verdict.ts";

const digest = `sha256:${"a".repeat(64)}` as const;
const one = (
  id: string,
  severity: Vulnerability["severity"],
  more: object = {},
): Vulnerability => ({
  id,
  severity,
  package: "p",
  version: "1",
  ...more,
});
const of = (scanner: string, ...vulnerabilities: Vulnerability[]): Findings => ({
  scanner,
  scannedAt: scanner.length,
  by: "a test",
  vulnerabilities,
});
const verdict = (...findings: Findings[]): Verdict => ({ digest, findings, firstSeen: { A: 5 } });
const short = (given: Verdict) =>
  weighed(given).map(({ id, severity, fixable }) => [id, severity, fixable]);

describe("weighed", () => {
  it.each([
    {
      title: "the worst severity over scanners",
      given: verdict(of("x", one("A", "low")), of("yy", one("A", "critical"))),
      expected: [["A", "critical", true]],
    },
    {
      title: "an unknown severity is below all",
      given: verdict(of("x", one("A", "negligible")), of("yy", one("A", "unknown"))),
      expected: [["A", "negligible", true]],
    },
    {
      title: "one that is not known to be without a fix counts as fixable",
      given: verdict(of("x", one("A", "low"), one("B", "low", { fixable: false }))),
      expected: [
        ["A", "low", true],
        ["B", "low", false],
      ],
    },
    {
      title: "fixable where one scanner says so",
      given: verdict(
        of("x", one("A", "low", { fixable: false })),
        of("yy", one("A", "negligible", { fixable: true })),
      ),
      expected: [["A", "low", true]],
    },
    {
      title: "worst first, then fixable, then by id",
      given: verdict(
        of(
          "x",
          one("C", "low"),
          one("D", "high", { fixable: false }),
          one("B", "high"),
          one("A", "low"),
        ),
      ),
      expected: [
        ["B", "high", true],
        ["D", "high", false],
        ["A", "low", true],
        ["C", "low", true],
      ],
    },
    { title: "nothing", given: verdict(), expected: [] },
  ])("$title", ({ given, expected }) => {
    expect(short(given)).toEqual(expected);
  });

  it("has the time that a vulnerability was first seen; else that of the report", () => {
    const given = verdict(of("scanner", one("A", "low"), one("B", "low")));
    expect(weighed(given).map(({ firstSeen }) => firstSeen)).toEqual([5, 7]);
  });
});

it("a scanner's report replaces its own alone", () => {
  const before = verdict(of("b", one("A", "low")), of("c", one("B", "low")));
  const after = withFindings(before, of("b", one("C", "low")));
  expect(idsOf(after)).toEqual(["C", "B"]);
  expect(idsOf(withFindings(before, of("a", one("D", "low"))))).toEqual(["D", "A", "B"]);
  expect(idsOf(withoutFindings(before, "b"))).toEqual(["B"]);
  expect(idsOf(withoutFindings(before, "none"))).toEqual(["A", "B"]);
});

it("counts by severity, and is as old as its oldest report", () => {
  const given = verdict(of("x", one("A", "high"), one("B", "high", { fixable: false })), of("yyy"));
  expect(countsOf(weighed(given))).toMatchObject({ high: [2, 1], critical: [0, 0] });
  expect(scannedAt(given)).toBe(1);
});
