// Verdicts about vulnerabilities: the list of what is cached and bad, one image's findings, and scanners' reports.

import { z } from "@hono/zod-openapi";
import { SEVERITIES } from "../config/severity.ts";
import { flag, number, position, time } from "./fields.ts";

const severity = z.enum(SEVERITIES, `must be one of ${SEVERITIES.join(", ")}`);

export const verdictsQuery = {
  severity: severity.optional().openapi({ description: "the least severity listed; default: all" }),
  fixable: flag.openapi({ type: "boolean", description: "count vulnerabilities with a fix alone" }),
  rule: z.string().max(255).optional().openapi({ description: "a rule's name" }),
  n: number(50, 200),
  after: position("the `next` of the previous page", 0),
};

const count = z.object({
  all: z.int(),
  fixable: z
    .int()
    .openapi({ description: "of these, with a fix, or where none is known to be missing" }),
});

const counts = z
  .object({
    critical: count,
    high: count,
    medium: count,
    low: count,
    negligible: count,
    unknown: count,
  })
  .openapi("VulnerabilityCounts");

const summary = {
  digest: z.string(),
  scannedAt: time.openapi({ description: "time of the oldest report that counts" }),
  severity: severity
    .optional()
    .openapi({ description: "the worst; absent without vulnerabilities" }),
  counts,
  images: z
    .array(
      z.object({
        name: z
          .string()
          .optional()
          .openapi({ description: "as clients name it; absent when no rule leads to it" }),
        place: z.string().openapi({ description: "the upstream and the repository" }),
        tags: z.array(z.string()).openapi({ description: "of it, and of indexes that lead to it" }),
        pulledAt: time.optional(),
      }),
    )
    .openapi({ description: "where it is cached, those pulled last first" }),
};

const verdictSummary = z
  .object({ ...summary, scanners: z.array(z.string()) })
  .openapi("VerdictSummary");
export type VerdictSummaryAnswer = z.infer<typeof verdictSummary>;

export const verdicts = z.object({
  verdicts: z.array(verdictSummary),
  next: z.int().optional().openapi({ description: "absent on the last page" }),
});
export type VerdictsAnswer = z.infer<typeof verdicts>;

export const verdict = z
  .object({
    ...summary,
    scanners: z.array(
      z.object({ scanner: z.string(), scannedAt: time, by: z.string(), found: z.int() }),
    ),
    vulnerabilities: z.array(
      z.object({
        id: z.string(),
        severity,
        package: z.string(),
        version: z.string(),
        fixedBy: z.string().optional(),
        fixable: z
          .boolean()
          .optional()
          .openapi({ description: "absent where the scanner does not say: counts as fixable" }),
        scanner: z.string(),
        firstSeen: time.openapi({ description: "when it was first found in any image here" }),
      }),
    ),
    leftOut: z.int().openapi({ description: "number of vulnerabilities not listed" }),
  })
  .openapi("Verdict");
export type VerdictAnswer = z.infer<typeof verdict>;

export const dropQuery = {
  scanner: z.string().max(255).openapi({ description: "the scanner whose report is forgotten" }),
};

export const dropped = z.object({ digest: z.string(), scanner: z.string() });
export type DroppedVerdictAnswer = z.infer<typeof dropped>;

/** A report as the tool writes it. */
export const scannerReport = z
  .looseObject({})
  .describe("a report of trivy (JSON), grype (JSON), SARIF, or Harbor's scanner API");
