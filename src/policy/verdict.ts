// Verdict about an image: what scanners have found in it, kept for each scanner, and weighed together. Pure.

import { rankOf, SEVERITIES, type Severity } from "../config/severity.ts";
import type { Digest } from "../oci/digest.ts";

/** A vulnerability of one package of an image. */
export interface Vulnerability {
  /** Such as CVE-2026-1234 or GHSA-…. */
  id: string;
  severity: Severity;
  package: string;
  version: string;
  /** Version that fixes it, as the scanner writes it. */
  fixedBy?: string;
  /** Absent where the report does not say: it counts as fixable. */
  fixable?: boolean;
}

/** The latest report of one scanner. */
export interface Findings {
  /** A name of SCANNERS, or the tool's. */
  scanner: string;
  /** In ms since the epoch: as reported, or when the report was received. */
  scannedAt: number;
  /** Who sent it. */
  by: string;
  /** Globs over the names that the sender's token may report on: the findings count under no other name. Absent: all. */
  repositories?: string[];
  vulnerabilities: Vulnerability[];
}

/** All that is known about the vulnerabilities of a manifest. Stored as JSON. */
export interface Verdict {
  digest: Digest;
  /** One for each scanner. */
  findings: Findings[];
  /** When each id was first found in any image here, in ms since the epoch. */
  firstSeen: Record<string, number>;
}

/** A vulnerability at its worst over all packages and scanners. */
export interface Weighed {
  id: string;
  severity: Severity;
  /** Also where a scanner does not know. */
  fixable: boolean;
  /** In ms since the epoch. */
  firstSeen: number;
}

/** By severity: number of vulnerabilities, and of those that are fixable. */
export type Counts = Record<Severity, [all: number, fixable: number]>;

/** The verdict with a scanner's report in place of its earlier one; those of others stay. */
export function withFindings(verdict: Verdict, findings: Findings): Verdict {
  const others = verdict.findings.filter(({ scanner }) => scanner !== findings.scanner);
  const all = [...others, findings].toSorted((a, b) => (a.scanner < b.scanner ? -1 : 1));
  return { ...verdict, findings: all };
}

/** The verdict without a scanner's report. */
export function withoutFindings(verdict: Verdict, scanner: string): Verdict {
  return { ...verdict, findings: verdict.findings.filter((one) => one.scanner !== scanner) };
}

export function idsOf({ findings }: Verdict): string[] {
  return [
    ...new Set(findings.flatMap(({ vulnerabilities }) => vulnerabilities.map(({ id }) => id))),
  ];
}

/** Each vulnerability once: the worst severity that a scanner gives it, fixable if one package may be. Worst first. */
export function weighed({ findings, firstSeen }: Verdict): Weighed[] {
  const all = new Map<string, Weighed>();
  for (const { scannedAt, vulnerabilities } of findings)
    for (const { id, severity, fixable = true } of vulnerabilities) {
      const before = all.get(id);
      const isWorse = !before || rankOf(severity) > rankOf(before.severity);
      all.set(id, {
        id,
        severity: isWorse ? severity : before.severity,
        fixable: fixable || (before?.fixable ?? false),
        firstSeen: firstSeen[id] ?? scannedAt,
      });
    }
  return [...all.values()].toSorted(
    (a, b) =>
      rankOf(b.severity) - rankOf(a.severity) ||
      Number(b.fixable) - Number(a.fixable) ||
      (a.id < b.id ? -1 : 1),
  );
}

export function countsOf(vulnerabilities: readonly Weighed[]): Counts {
  const counts = Object.fromEntries(SEVERITIES.map((one) => [one, [0, 0]])) as Counts;
  for (const { severity, fixable } of vulnerabilities) {
    counts[severity][0] += 1;
    if (fixable) counts[severity][1] += 1;
  }
  return counts;
}

/** Time of the oldest report that counts: how old the verdict is, in ms since the epoch. */
export function scannedAt({ findings }: Verdict): number {
  return Math.min(...findings.map((one) => one.scannedAt));
}

/** The verdict with what a decision needs: each vulnerability once for each scanner, at its worst. */
export function condensed(verdict: Verdict): Verdict {
  const findings = verdict.findings.map((one) => {
    const all = new Map(one.vulnerabilities.map((found) => [found.id, found]));
    const worst = weighed({ ...verdict, findings: [one] });
    return {
      ...one,
      vulnerabilities: worst.map(({ id, severity, fixable }): Vulnerability => {
        const { package: name = "", fixedBy } = all.get(id) ?? {};
        const fix = fixedBy !== undefined && { fixedBy };
        return { id, severity, package: name, version: "", ...fix, fixable };
      }),
    };
  });
  return { ...verdict, findings };
}
