// SARIF 2.1.0, as trivy and grype write it. The format has no members for packages and fixes: both tools write them as lines of text.

import type { Severity } from "../config/severity.ts";
import type { Report } from "./contract.ts";
import {
  Collected,
  digestIn,
  digestsOf,
  type Fields,
  fieldsIn,
  fixOf,
  InvalidReport,
  listIn,
  severityIn,
  textIn,
} from "./report-parts.ts";

/** Maximum length of the text that lines are read from, in characters. */
const MAX_LINES_TEXT = 4_000;
/** Maximum number of these lines, and of a rule's tags. Attack: each of many results is searched with those of one rule. */
const MAX_LINES = 50;
const MAX_TAGS = 50;
/** Trivy's tags of results that are no vulnerabilities. */
const OTHER_KINDS = new Set(["secret", "misconfiguration", "license"]);

export function isSarif(report: Fields): boolean {
  return Array.isArray(report.runs) && typeof report.version === "string";
}

export function parseSarif(report: Fields): Report {
  if (report.version !== "2.1.0")
    throw new InvalidReport("the report's SARIF version is not 2.1.0");
  const [run, second] = listIn(report.runs).map(fieldsIn);
  if (!run || second) throw new InvalidReport("the report must have one run");
  const driver = fieldsIn(fieldsIn(run.tool).driver);
  const rules = listIn(driver.rules).map(fieldsIn);
  const byId = new Map(rules.map((rule) => [rule.id, rule]));
  if (!Array.isArray(run.results))
    throw new InvalidReport("the report's run has no list of results");
  const collected = new Collected();
  for (const one of run.results) {
    const result = fieldsIn(one);
    const rule = byId.get(result.ruleId) ?? rules[numberIn(result.ruleIndex)] ?? {};
    if (tagsOf(rule).some((tag) => OTHER_KINDS.has(tag))) continue;
    const lines = linesOf(result, rule);
    const version = lineIn(lines, "Fixed Version") ?? lineIn(lines, "Fix Version");
    collected.add({
      id: lineIn(lines, "Vulnerability") ?? textIn(result.ruleId),
      severity: severityOf(lines, rule, result),
      package: lineIn(lines, "Package") ?? "",
      version: lineIn(lines, "Installed Version") ?? lineIn(lines, "Version") ?? "",
      ...fixOf(version ?? "", version === undefined ? undefined : false),
    });
  }
  const properties = fieldsIn(run.properties);
  const config = digestIn(properties.imageID);
  return {
    tool: textIn(driver.name).toLowerCase() || "sarif",
    manifests: digestsOf(properties.repoDigests),
    ...(config && { config }),
    vulnerabilities: collected.list(),
  };
}

function tagsOf(rule: Fields): string[] {
  const tags = listIn(fieldsIn(rule.properties).tags);
  return tags.slice(0, MAX_TAGS).map((tag) => textIn(tag));
}

/** NaN for values that are neither a number nor a text of one. */
function numberIn(value: unknown): number {
  return typeof value === "string" || typeof value === "number" ? Number(value) : Number.NaN;
}

/** Trivy writes the lines into each result's message, grype into its rule's help. */
function linesOf(result: Fields, rule: Fields): string[] {
  const texts = [fieldsIn(result.message).text, fieldsIn(rule.help).text];
  return texts.flatMap((text) =>
    typeof text === "string" ? text.slice(0, MAX_LINES_TEXT).split("\n", MAX_LINES) : [],
  );
}

/** The rest of the first line that begins with the word; "" for an empty one, undefined for none. */
function lineIn(lines: readonly string[], word: string): string | undefined {
  const line = lines.find((one) => one.startsWith(`${word}:`) || one.startsWith(`${word} `));
  return line === undefined ? undefined : textIn(line.slice(word.length).replace(/^:/, ""));
}

function severityOf(lines: readonly string[], rule: Fields, result: Fields): Severity {
  const words = [lineIn(lines, "Severity"), ...tagsOf(rule)];
  const named = words.map(severityIn).find((severity) => severity !== "unknown");
  if (named) return named;
  const score = numberIn(fieldsIn(rule.properties)["security-severity"]);
  if (score > 0)
    return score >= 9 ? "critical" : score >= 7 ? "high" : score >= 4 ? "medium" : "low";
  const { level } = result;
  return level === "error"
    ? "high"
    : level === "warning"
      ? "medium"
      : level === "note"
        ? "low"
        : "unknown";
}
