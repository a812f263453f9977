// Answers of the API about verdicts: counts by severity, where an image is cached, and each vulnerability.

import type { VerdictAnswer, VerdictSummaryAnswer } from "../../api/verdicts.ts";
import type { HeldBy, ListedVerdict } from "../../catalog/record/contract.ts";
import type { Config } from "../../config/read.ts";
import { rankOf, SEVERITIES, type Severity } from "../../config/severity.ts";
import { type Counts, countsOf, scannedAt, type Verdict, weighed } from "../../policy/verdict.ts";
import { timeOf } from "../shared/answers.ts";
import { nameOf } from "./place-names.ts";

/** Maximum number of vulnerabilities in an answer. */
const MAX_LISTED = 2_000;

export function listedAnswer(row: ListedVerdict, config: Config): VerdictSummaryAnswer {
  return { ...summaryOf(row, row.heldBy, config), scanners: row.scanners };
}

export function verdictAnswer(
  kept: Verdict,
  heldBy: readonly HeldBy[],
  config: Config,
): VerdictAnswer {
  const { digest, findings, firstSeen } = kept;
  const counts = countsOf(weighed(kept));
  const all = findings.flatMap(({ scanner, scannedAt: at, vulnerabilities }) =>
    vulnerabilities.map((one) => ({
      ...one,
      scanner,
      firstSeen: timeOf(firstSeen[one.id] ?? at),
    })),
  );
  const sorted = all.toSorted(
    (a, b) =>
      rankOf(b.severity) - rankOf(a.severity) ||
      Number(b.fixable ?? true) - Number(a.fixable ?? true) ||
      a.id.localeCompare(b.id),
  );
  return {
    ...summaryOf({ digest, scannedAt: scannedAt(kept), counts }, heldBy, config),
    scanners: findings.map(({ scanner, scannedAt: at, by, vulnerabilities }) => ({
      scanner,
      scannedAt: timeOf(at),
      by,
      found: vulnerabilities.length,
    })),
    vulnerabilities: sorted.slice(0, MAX_LISTED),
    leftOut: Math.max(0, sorted.length - MAX_LISTED),
  };
}

function summaryOf(
  { digest, scannedAt: at, counts }: Pick<ListedVerdict, "digest" | "scannedAt" | "counts">,
  heldBy: readonly HeldBy[],
  config: Config,
) {
  const worst = SEVERITIES.toReversed().find((one) => counts[one][0] > 0);
  return {
    digest,
    scannedAt: timeOf(at),
    ...(worst && { severity: worst }),
    counts: namedCounts(counts),
    images: heldBy.map(({ place, tags, pulledAt }) => {
      const named = nameOf(config, place);
      return {
        ...(named && { name: named.name }),
        place,
        tags,
        ...(pulledAt !== undefined && { pulledAt: timeOf(pulledAt) }),
      };
    }),
  };
}

function namedCounts(counts: Counts): Record<Severity, { all: number; fixable: number }> {
  const entries = SEVERITIES.map((one) => [one, { all: counts[one][0], fixable: counts[one][1] }]);
  return Object.fromEntries(entries);
}
