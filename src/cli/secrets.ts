// The secrets of local runs, in .dev.vars. Apart from the other settings, for which wrangler is loaded: that takes seconds.

import { existsSync, readFileSync } from "node:fs";
import { parseEnv } from "node:util";

/** A deployment has its own. */
export function localSecrets(): Record<string, string | undefined> {
  return existsSync(".dev.vars") ? { ...parseEnv(readFileSync(".dev.vars", "utf8")) } : {};
}
