// Grype's JSON report (`grype --output json`).

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
  timeIn,
} from "./report-parts.ts";

/** Whether there is a fix, by `fix.state`; others are unknown. */
const FIXES: ReadonlyMap<string, boolean> = new Map([
  ["fixed", true],
  ["not-fixed", false],
  ["wont-fix", false],
]);

export function isGrype(report: Fields): boolean {
  return report.matches !== undefined && fieldsIn(report.descriptor).name === "grype";
}

export function parseGrype(report: Fields): Report {
  const source = fieldsIn(report.source);
  if (source.type !== "image")
    throw new InvalidReport(
      "the report is not about an image: give grype an image, not a directory or an SBOM",
    );
  if (!Array.isArray(report.matches)) throw new InvalidReport("the report's matches is not a list");
  const target = fieldsIn(source.target);
  const collected = new Collected();
  for (const match of report.matches) {
    const { vulnerability, artifact } = fieldsIn(match);
    const found = fieldsIn(vulnerability);
    const fix = fieldsIn(found.fix);
    const versions = listIn(fix.versions)
      .map((version) => textIn(version))
      .filter(Boolean);
    collected.add({
      id: textIn(found.id),
      severity: severityIn(found.severity),
      package: textIn(fieldsIn(artifact).name),
      version: textIn(fieldsIn(artifact).version),
      ...fixOf(textIn(versions.join(", ")), FIXES.get(textIn(fix.state))),
    });
  }
  const manifest = digestIn(target.manifestDigest);
  const config = digestIn(target.imageID);
  const scannedAt = timeIn(fieldsIn(report.descriptor).timestamp);
  return {
    tool: "grype",
    ...(scannedAt !== undefined && { scannedAt }),
    manifests: [...new Set([...(manifest ? [manifest] : []), ...digestsOf(target.repoDigests)])],
    ...(config && { config }),
    vulnerabilities: collected.list(),
  };
}
