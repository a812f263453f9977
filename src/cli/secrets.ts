// Secrets in files ignored by git: .dev.vars for local runs, .NAME.vars for the deployment of an environment. Separate from the other
// settings, which take seconds to read since they load wrangler.

import { existsSync, readFileSync } from "node:fs";
import { parseEnv } from "node:util";

type Secrets = Record<string, string | undefined>;

/** Secrets of local runs; a deployment has its own. */
export function localSecrets(): Secrets {
  return secretsIn(".dev.vars");
}

/** Secrets that `wrangler deploy --env NAME --secrets-file .NAME.vars` deploys, as written in the file. */
export function secretsOf(environment: string): Secrets {
  return secretsIn(`.${environment}.vars`);
}

function secretsIn(file: string): Secrets {
  return existsSync(file) ? { ...parseEnv(readFileSync(file, "utf8")) } : {};
}
