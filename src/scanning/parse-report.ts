// Scanners' reports: recognises the format and parses it.

import { isObject, parseForeign } from "../oci/json.ts";
import { jsonProblem } from "../oci/json-bounds.ts";
import type { Report } from "./contract.ts";
import { isGrype, parseGrype } from "./parse-grype.ts";
import { isHarbor, parseHarbor } from "./parse-harbor.ts";
import { isSarif, parseSarif } from "./parse-sarif.ts";
import { isTrivy, parseTrivy } from "./parse-trivy.ts";
import { type Fields, InvalidReport } from "./report-parts.ts";

/** Maximum size of a report, in bytes: parsing takes several times as much of an isolate's 128 MB. */
export const MAX_REPORT = 12 * 1024 * 1024;

const FORMATS: readonly [is: (report: Fields) => boolean, parse: (report: Fields) => Report][] = [
  [isTrivy, parseTrivy],
  [isGrype, parseGrype],
  [isSarif, parseSarif],
  [isHarbor, parseHarbor],
];

/** Throws InvalidReport. @param json of trivy, grype, SARIF, or an adapter of Harbor's scanner API */
export function parseReport(json: string): Report {
  const bytes = new TextEncoder().encode(json);
  if (bytes.byteLength > MAX_REPORT)
    throw new InvalidReport(`the report has more than ${MAX_REPORT} bytes`);
  const problem = jsonProblem(bytes);
  if (problem !== undefined) throw new InvalidReport(`the report is not read: it ${problem}`);
  const report = parseForeign(bytes);
  if (!isObject(report)) throw new InvalidReport("the report is not a JSON object");
  const format = FORMATS.find(([is]) => is(report));
  if (format) return format[1](report);
  throw new InvalidReport(
    "the report is in no known format: trivy's JSON, grype's JSON, SARIF, or a report of Harbor's scanner API",
  );
}
