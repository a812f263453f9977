// Client of the Durable Objects that keep verdicts, one for each digest.

import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "../oci/error.ts";
import { remote } from "../platform/rpc.ts";
import type { ScanBindings, Scans } from "./contract.ts";

/** Throws UNAVAILABLE (503) where the deployment has no such binding. */
export type OpenScans = (digest: Digest) => Scans;

export function openScans({ SCAN }: ScanBindings): OpenScans {
  return (digest) => {
    if (SCAN) return remote<Scans>(SCAN, digest);
    const message =
      "this deployment keeps no verdicts: wrangler.toml has no binding SCAN (class ScanObject)";
    throw new RegistryError("UNAVAILABLE", message, { status: 503 });
  };
}
