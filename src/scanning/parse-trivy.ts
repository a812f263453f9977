// Trivy's JSON report, schema version 2 (`trivy image --format json`).

import type { Report } from "./contract.ts";
import {
  Collected,
  digestIn,
  digestsOf,
  type Fields,
  fieldsIn,
  fixOf,
  InvalidReport,
  optionalList,
  severityIn,
  textIn,
  timeIn,
} from "./report-parts.ts";

/** Statuses of vulnerabilities without a fix (trivy's pkg/vulnerability status list). */
const WITHOUT_FIX = new Set([
  ...["affected", "not_affected", "under_investigation"],
  ...["will_not_fix", "fix_deferred", "end_of_life"],
]);

export function isTrivy(report: Fields): boolean {
  return report.SchemaVersion !== undefined && report.ArtifactType !== undefined;
}

export function parseTrivy(report: Fields): Report {
  if (report.SchemaVersion !== 2)
    throw new InvalidReport("the report's SchemaVersion is not 2: use a newer trivy");
  if (report.ArtifactType !== "container_image")
    throw new InvalidReport("the report is not about an image: make it with `trivy image`");
  const metadata = fieldsIn(report.Metadata);
  const collected = new Collected();
  for (const result of optionalList(report.Results, "Results"))
    for (const one of optionalList(fieldsIn(result).Vulnerabilities, "Vulnerabilities")) {
      const found = fieldsIn(one);
      const status = textIn(found.Status);
      if (status === "not_affected") continue;
      collected.add({
        id: textIn(found.VulnerabilityID),
        severity: severityIn(found.Severity),
        package: textIn(found.PkgName),
        version: textIn(found.InstalledVersion),
        ...fixOf(textIn(found.FixedVersion), fixByStatus(status)),
      });
    }
  const scannedAt = timeIn(report.CreatedAt);
  const config = digestIn(metadata.ImageID);
  return {
    tool: "trivy",
    ...(scannedAt !== undefined && { scannedAt }),
    manifests: digestsOf(metadata.RepoDigests),
    ...(config && { config }),
    vulnerabilities: collected.list(),
  };
}

function fixByStatus(status: string): boolean | undefined {
  if (status === "fixed") return true;
  return WITHOUT_FIX.has(status) ? false : undefined;
}
