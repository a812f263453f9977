// Report of Harbor's pluggable scanner API, versions 1.0 and 1.1 (goharbor/pluggable-scanner-spec, "HarborVulnerabilityReport").

import type { Report } from "./contract.ts";
import {
  Collected,
  digestIn,
  type Fields,
  fieldsIn,
  fixOf,
  InvalidReport,
  optionalList,
  severityIn,
  textIn,
  timeIn,
} from "./report-parts.ts";

export function isHarbor(report: Fields): boolean {
  return report.artifact !== undefined && report.scanner !== undefined;
}

export function parseHarbor(report: Fields): Report {
  const manifest = digestIn(fieldsIn(report.artifact).digest);
  if (!manifest) throw new InvalidReport("the report's artifact has no digest");
  if (!("vulnerabilities" in report))
    throw new InvalidReport("the report has no list of vulnerabilities");
  const collected = new Collected();
  for (const one of optionalList(report.vulnerabilities, "vulnerabilities")) {
    const found = fieldsIn(one);
    collected.add({
      id: textIn(found.id),
      severity: severityIn(found.severity),
      package: textIn(found.package),
      version: textIn(found.version),
      // The specification gives the version "if available": adapters leave it out where there is no fix.
      ...fixOf(textIn(found.fix_version), textIn(found.status).toLowerCase() === "fixed"),
    });
  }
  const scannedAt = timeIn(report.generated_at);
  return {
    tool: textIn(fieldsIn(report.scanner).name).toLowerCase() || "scanner",
    ...(scannedAt !== undefined && { scannedAt }),
    manifests: [manifest],
    vulnerabilities: collected.list(),
  };
}
