// Contract of scanning: a scanner's report, and the calls that the Durable Object of a digest takes. Plain data.

import type { Digest } from "../oci/digest.ts";
import type { Findings, Verdict, Vulnerability } from "../policy/verdict.ts";

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

/** The scans of one digest, one call after the other. */
export interface Scans {
  /** Stores a scanner's report in place of its earlier one. Can be repeated. @param now in ms since the epoch */
  put(digest: Digest, findings: Findings, now: number): Promise<Verdict>;
  /** Forgets a scanner's report. @returns undefined where it has none */
  drop(digest: Digest, scanner: string, now: number): Promise<Verdict | undefined>;
}

export interface ScanBindings {
  /** Absent in a deployment whose wrangler.toml is of an earlier version. */
  SCAN?: DurableObjectNamespace;
}
