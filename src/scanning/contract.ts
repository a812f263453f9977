// Records of vulnerability scans: what a report says, and what is kept of it. Plain data.

import type { Digest } from "../oci/digest.ts";

/** From the least severe; unknown ones are below all, as no threshold can name them. */
export const SEVERITIES = ["unknown", "negligible", "low", "medium", "high", "critical"] as const;
export type Severity = (typeof SEVERITIES)[number];

export function rankOf(severity: Severity): number {
  return SEVERITIES.indexOf(severity);
}

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

/** A report of one scanner about one image. */
export interface Report {
  /** The tool's name in lower case, such as trivy. */
  tool: string;
  /** In ms since the epoch; undefined where the report has no time. */
  scannedAt?: number;
  /** Manifests that the report says it is about. Scanners name an index here where they were given its tag. */
  manifests: Digest[];
  /** Config of the image that was scanned, which tells platforms of an index apart. */
  config?: Digest;
  vulnerabilities: Vulnerability[];
}
