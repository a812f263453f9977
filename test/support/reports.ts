// Reports of scanners about the fixture's images, in trivy's and grype's forms.

/** Id, severity, and the version that fixes it; undefined: there is no fix. */
export type Hole = readonly [id: string, severity: string, fixedBy?: string];

interface Scanned {
  digest: string;
  config: { digest: string };
}

/** Of an image as it was pulled from a registry. */
export function trivyReport(
  { digest, config }: Scanned,
  holes: readonly Hole[] = [["CVE-2026-1", "CRITICAL", "2.0"]],
  more: object = {},
): string {
  const Vulnerabilities = holes.map(([VulnerabilityID, Severity, FixedVersion]) => ({
    VulnerabilityID,
    Severity,
    PkgName: "openssl",
    InstalledVersion: "1.0",
    ...(FixedVersion === undefined ? { Status: "affected" } : { FixedVersion, Status: "fixed" }),
  }));
  return JSON.stringify({
    SchemaVersion: 2,
    CreatedAt: "2026-11-01T10:00:00Z",
    ArtifactType: "container_image",
    Metadata: { ImageID: config.digest, RepoDigests: [`example.com/a@${digest}`] },
    Results: [{ Target: "a", Vulnerabilities }],
    ...more,
  });
}

export function grypeReport({ digest, config }: Scanned, holes: readonly Hole[] = []): string {
  const matches = holes.map(([id, severity, fixedBy]) => ({
    vulnerability: {
      id,
      severity,
      fix: fixedBy === undefined ? { state: "not-fixed" } : { state: "fixed", versions: [fixedBy] },
    },
    artifact: { name: "openssl", version: "1.0" },
  }));
  return JSON.stringify({
    matches,
    source: { type: "image", target: { manifestDigest: digest, imageID: config.digest } },
    descriptor: { name: "grype", version: "0.85.0", timestamp: "2026-11-02T10:00:00Z" },
  });
}
