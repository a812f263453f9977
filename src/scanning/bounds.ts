// Bounds of a verdict. Attack: a scanner's token sends reports under ever new names, until neither KV nor an isolate holds the verdict.

import { RegistryError } from "../oci/error.ts";
import type { Verdict } from "../policy/verdict.ts";

/** Maximum number of scanners that a verdict keeps reports of: those of SCANNERS, and tools that report by SCANNER_TOKEN. */
export const MAX_REPORTERS = 32;
/** Maximum size of all reports, in bytes as JSON: with the times of the vulnerabilities, KV holds 25 MiB. */
const MAX_FINDINGS = 10 * 1024 * 1024;

/** Throws SIZE_INVALID (413) where the verdict is larger than what is kept. */
export function expectBounded({ findings }: Verdict): void {
  const tooLarge = (message: string) =>
    new RegistryError("SIZE_INVALID", `${message}: an administrator can remove a report`, {
      status: 413,
    });
  if (findings.length > MAX_REPORTERS)
    throw tooLarge(`${MAX_REPORTERS} scanners have reported on this image`);
  const { byteLength } = new TextEncoder().encode(JSON.stringify(findings));
  if (byteLength > MAX_FINDINGS)
    throw tooLarge(`the reports about this image would take more than ${MAX_FINDINGS} bytes`);
}
