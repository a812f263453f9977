// Released root: the trusted root of sigstore's public instance that comes with this release; `entrepot trust update` renews the file.

import { createHash } from "node:crypto";
import root from "./trusted-root.json" with { type: "json" };

export const releasedRoot: unknown = root;

let version: string | undefined;

/** A hash over the released root. */
export function releasedVersion(): string {
  version ??= createHash("sha256").update(JSON.stringify(root)).digest("hex");
  return version;
}
