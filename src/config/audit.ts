// AUDIT: whether pulls are audited, where their records go, and for which repositories.

import { z } from "zod";
import { oneOrMore, pattern } from "./fields.ts";
import { describe } from "./issues.ts";
import { parseJson } from "./json.ts";

const DESTINATIONS = ["log", "analytics"] as const;
export type AuditDestination = (typeof DESTINATIONS)[number];

export interface AuditSettings {
  to: AuditDestination[];
  /** Globs over repositories as clients name them; undefined for all. */
  repositories?: string[] | undefined;
}

/** Binding of the Analytics Engine dataset. It cannot be named AUDIT: a variable and a binding share one namespace. */
export const AUDIT_DATASET = "AUDIT_ANALYTICS";

/** Maximum number of globs, each of which is matched against every name of a pulled repository. */
const MAX_GLOBS = 100;
const TO_WORDS = 'must be "log" or "analytics", or a list of them';
const GLOBS_WORDS = "must be a list of globs over repositories";

const destination = z.string().transform((text, context): AuditDestination => {
  const known = DESTINATIONS.find((one) => one === text);
  if (known) return known;
  context.issues.push({ code: "custom", input: text, message: TO_WORDS });
  return z.NEVER;
});

export const auditSchema = z.strictObject({
  to: oneOrMore(destination, TO_WORDS).describe(
    `Where the records go: log, a line of JSON each; analytics, a data point each in the dataset bound as ${AUDIT_DATASET}; or both.`,
  ),
  repositories: z
    .array(
      pattern.refine(
        (text) => !text.includes(":"),
        "must be a glob over repositories, without a tag",
      ),
      { error: GLOBS_WORDS },
    )
    .min(1, "must have at least one glob")
    .max(MAX_GLOBS, `must have at most ${MAX_GLOBS} globs`)
    .optional()
    .describe(
      "Globs over repositories as clients name them, such as ghcr.io/acme/*. Default: all repositories.",
    ),
});

/** Lines of `npm run check`. @param bound names that datasets are bound as */
export function auditSummary(
  { to, repositories }: AuditSettings,
  bound: readonly string[],
): string[] {
  const which = repositories ? `pulls of ${repositories.join(", ")}` : "all pulls";
  const line = `  AUDIT: ${which}, to ${to.join(" and ")}`;
  if (!to.includes("analytics") || bound.includes(AUDIT_DATASET)) return [line];
  const warning = `• AUDIT.to names analytics, but no dataset is bound as ${AUDIT_DATASET}: pulls will be audited in the log`;
  return [line, warning];
}

/** Undefined where pulls are not audited.
 * @param value of the variable AUDIT: a table, or its JSON @param problems receives what is wrong */
export function readAudit(value: unknown, problems: string[]): AuditSettings | undefined {
  if (value === undefined || value === "") return undefined;
  const given = parseJson(value);
  if ("problem" in given) {
    problems.push(`AUDIT: ${given.problem}`);
    return undefined;
  }
  const parsed = auditSchema.safeParse(given.value);
  if (parsed.success) return parsed.data;
  problems.push(...parsed.error.issues.flatMap((issue) => describe("AUDIT", issue, "AUDIT")));
  return undefined;
}
