// Severities of vulnerabilities, in the words of Harbor's scanner API; trivy and grype have the same.

/** From the least severe. Unknown is below all: a scanner has not rated the vulnerability. */
export const SEVERITIES = ["unknown", "negligible", "low", "medium", "high", "critical"] as const;
export type Severity = (typeof SEVERITIES)[number];

export function rankOf(severity: Severity): number {
  return SEVERITIES.indexOf(severity);
}
