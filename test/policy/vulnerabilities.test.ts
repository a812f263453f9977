// Vulnerabilities: what a rule refuses of what scanners found, in tables of cases.

import { describe, expect, it } from "vitest";
import { vulnerabilitySchema } from "../../src/config/vulnerability-fields.ts";
import type { Findings, Verdict, Vulnerability } from "../../src/policy/verdict.ts";
import { judged } from "../../src/policy/vulnerabilities.ts";

const NOW = Date.parse("2026-11-20T12:00:00Z");
const DAY = 24 * 60 * 60_000;
const digest = `sha256:${"a".repeat(64)}` as const;
const names = ["docker.io/acme/app"];
const one = (
  id: string,
  severity: Vulnerability["severity"],
  more: object = {},
): Vulnerability => ({
  id,
  severity,
  package: "openssl",
  version: "1",
  ...more,
});
const of = (scanner: string, vulnerabilities: Vulnerability[], more: object = {}): Findings => ({
  scanner,
  scannedAt: NOW - DAY,
  by: "a test",
  vulnerabilities,
  ...more,
});
const trivy = (...vulnerabilities: Vulnerability[]) => [of("trivy", vulnerabilities)];
const verdict = (findings: Findings[], firstSeen: Record<string, number> = {}): Verdict => ({
  digest,
  findings,
  firstSeen,
});
const policy = (fields: object = {}) => vulnerabilitySchema.parse({ refuse: "high", ...fields });
const isRefused = (findings: Findings[] | undefined, fields: object = {}, seen = {}) =>
  !judged(findings && verdict(findings, seen), policy(fields), names, NOW).passes;

const UNFIXED = { fixable: false };
const ignore = (id: string, until: string) => ({ ignore: [{ id, until, reason: "not reached" }] });

describe("an image", () => {
  const cases: {
    title: string;
    findings: Findings[] | undefined;
    fields: object;
    refused: boolean;
  }[] = [
    { title: "without a verdict is served", findings: undefined, fields: {}, refused: false },
    {
      title: "without a verdict, unscanned = refuse",
      findings: undefined,
      fields: { unscanned: "refuse" },
      refused: true,
    },
    {
      title: "whose scanners are all gone, unscanned = refuse",
      findings: [],
      fields: { unscanned: "refuse" },
      refused: true,
    },
    {
      title: "scanned and clean, unscanned = refuse",
      findings: trivy(),
      fields: { unscanned: "refuse" },
      refused: false,
    },
    {
      title: "below the severity",
      findings: trivy(one("A", "medium")),
      fields: {},
      refused: false,
    },
    { title: "at the severity", findings: trivy(one("A", "high")), fields: {}, refused: true },
    { title: "above it", findings: trivy(one("A", "critical")), fields: {}, refused: true },
    {
      title: "of unknown severity, the least refused",
      findings: trivy(one("A", "unknown")),
      fields: { refuse: "negligible" },
      refused: false,
    },
    {
      title: "negligible, the least refused",
      findings: trivy(one("A", "negligible")),
      fields: { refuse: "negligible" },
      refused: true,
    },
    {
      title: "without a fix",
      findings: trivy(one("A", "high", UNFIXED)),
      fields: {},
      refused: true,
    },
    {
      title: "without a fix, fixableOnly",
      findings: trivy(one("A", "high", UNFIXED)),
      fields: { fixableOnly: true },
      refused: false,
    },
    {
      title: "with a fix, fixableOnly",
      findings: trivy(one("A", "high", { fixedBy: "2", fixable: true })),
      fields: { fixableOnly: true },
      refused: true,
    },
    {
      title: "where no scanner says whether there is a fix, fixableOnly",
      findings: trivy(one("A", "high")),
      fields: { fixableOnly: true },
      refused: true,
    },
    {
      title: "that one of two scanners finds bad",
      findings: [...trivy(one("A", "low")), of("grype", [one("A", "critical")])],
      fields: {},
      refused: true,
    },
    {
      title: "that a second scanner finds clean",
      findings: [...trivy(one("A", "critical")), of("grype", [])],
      fields: {},
      refused: true,
    },
    {
      title: "that a scanner of other repositories has reported on",
      findings: [of("acme", [one("A", "critical")], { repositories: ["docker.io/other/**"] })],
      fields: {},
      refused: false,
    },
    {
      title: "that only a scanner of other repositories found clean, unscanned = refuse",
      findings: [of("acme", [], { repositories: ["docker.io/other/**"] })],
      fields: { unscanned: "refuse" },
      refused: true,
    },
    {
      title: "that a scanner of its repository has reported on",
      findings: [of("acme", [one("A", "critical")], { repositories: ["docker.io/acme/*"] })],
      fields: {},
      refused: true,
    },
    {
      title: "ignored until later",
      findings: trivy(one("CVE-1", "high")),
      fields: ignore("CVE-1", "2026-11-21"),
      refused: false,
    },
    {
      title: "ignored in other letters",
      findings: trivy(one("CVE-1", "high")),
      fields: ignore("cve-1", "2026-11-21"),
      refused: false,
    },
    {
      title: "ignored until today, which has begun",
      findings: trivy(one("CVE-1", "high")),
      fields: ignore("CVE-1", "2026-11-20"),
      refused: true,
    },
    {
      title: "ignored until a time that is past",
      findings: trivy(one("CVE-1", "high")),
      fields: ignore("CVE-1", "2026-11-20T11:59:59Z"),
      refused: true,
    },
    {
      title: "with another one ignored",
      findings: trivy(one("CVE-1", "high")),
      fields: ignore("CVE-2", "2026-11-21"),
      refused: true,
    },
    {
      title: "with the beginning of its id ignored",
      findings: trivy(one("CVE-12", "high")),
      fields: ignore("CVE-1", "2026-11-21"),
      refused: true,
    },
  ];
  it.each(cases)("$title", ({ findings, fields, refused }) => {
    expect(isRefused(findings, fields)).toBe(refused);
  });
});

describe("grace", () => {
  const found = trivy(one("A", "high"));
  const cases: { title: string; firstSeen: Record<string, number>; refused: boolean }[] = [
    {
      title: "runs from when the vulnerability was first seen",
      firstSeen: { A: NOW - 6 * DAY },
      refused: false,
    },
    { title: "is over to the millisecond", firstSeen: { A: NOW - 7 * DAY }, refused: true },
    {
      title: "is over for one that was seen long ago in another image",
      firstSeen: { A: NOW - 100 * DAY },
      refused: true,
    },
    { title: "runs from the report where that is not known", firstSeen: {}, refused: false },
  ];
  it.each(cases)("$title", ({ firstSeen, refused }) => {
    expect(isRefused(found, { grace: "7d" }, firstSeen)).toBe(refused);
  });

  it("of one vulnerability says nothing of another", () => {
    const both = trivy(one("A", "high"), one("B", "high"));
    expect(isRefused(both, { grace: "7d" }, { A: NOW, B: NOW - 8 * DAY })).toBe(true);
  });

  it("says when it ends; an exception that ends later counts", () => {
    const seen = { A: NOW - 6 * DAY, B: NOW - 8 * DAY };
    const both = trivy(one("A", "high"), one("B", "high"));
    const fields = { grace: "7d", ...ignore("B", "2026-12-01") };
    const told = judged(verdict(both, seen), policy(fields), names, NOW);
    expect(told).toEqual({
      passes: true,
      message:
        "no vulnerability that is high or worse besides 1 within the grace period and 1 ignored by the rule",
      until: NOW + DAY,
    });
    const ignored = judged(verdict(trivy(one("B", "high")), seen), policy(fields), names, NOW);
    expect(ignored).toMatchObject({ passes: true, until: Date.parse("2026-12-01") });
  });
});

describe("what is told", () => {
  it("names the worst first, with their packages and fixes, and how many more there are", () => {
    const many = Array.from({ length: 6 }, (_, at) => one(`CVE-2026-2${at}`, "high", UNFIXED));
    const worst = one("CVE-2026-9", "critical", { fixedBy: "3.0.9", fixable: true });
    expect(judged(verdict(trivy(...many, worst)), policy(), names, NOW).message).toBe(
      "vulnerability that is high or worse: CVE-2026-9 (critical, in openssl, fixed by 3.0.9), CVE-2026-20 (high, in openssl), CVE-2026-21 (high, in openssl), CVE-2026-22 (high, in openssl), CVE-2026-23 (high, in openssl) and 2 more",
    );
  });

  it("says what was looked for where nothing is found", () => {
    const fields = { refuse: "critical", fixableOnly: true };
    expect(judged(verdict(trivy()), policy(fields), names, NOW)).toEqual({
      passes: true,
      message: "no fixable vulnerability that is critical",
    });
    expect(judged(undefined, policy({ unscanned: "refuse" }), names, NOW)).toEqual({
      passes: false,
      unscanned: true,
      message: "no scanner has reported on it",
    });
  });
});

describe("the fields", () => {
  const messages = (fields: object) =>
    vulnerabilitySchema.safeParse(fields).error?.issues.map(({ message }) => message);
  const entry = { id: "CVE-1", until: "2027-01-01", reason: "not reached" };
  it.each([
    { fields: {}, message: "must be one of critical, high, medium, low, negligible" },
    {
      fields: { refuse: "unknown" },
      message: "must be one of critical, high, medium, low, negligible",
    },
    { fields: { refuse: "high", unscanned: "maybe" }, message: 'must be "serve" or "refuse"' },
    {
      fields: { refuse: "high", ignore: [{ ...entry, id: "CVE 1" }] },
      message: "must be the id of a vulnerability, such as CVE-2026-1234",
    },
    {
      fields: { refuse: "high", ignore: [{ ...entry, until: "soon" }] },
      message: 'must be a date, such as "2027-01-01", or a time in ISO 8601',
    },
    {
      fields: { refuse: "high", ignore: [{ ...entry, until: "2027-02-30" }] },
      message: 'must be a date, such as "2027-01-01", or a time in ISO 8601',
    },
    {
      fields: { refuse: "high", ignore: Array(501).fill(entry) },
      message: "must have at most 500 entries",
    },
  ])("refuse $fields.refuse $fields.unscanned: $message", ({ fields, message }) => {
    expect(messages(fields)).toEqual([message]);
  });

  it("have defaults, and dates that begin in UTC", () => {
    expect(vulnerabilitySchema.parse({ refuse: "critical", ignore: [entry] })).toEqual({
      refuse: "critical",
      fixableOnly: false,
      unscanned: "serve",
      ignore: [{ ...entry, until: Date.UTC(2027, 0, 1) }],
    });
  });
});
