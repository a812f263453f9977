// Secrets in files that git leaves alone: .dev.vars of local runs, .NAME.vars of an environment's deployment. Apart from the other
// settings, for which wrangler is loaded: that takes seconds.

import { existsSync, readFileSync } from "node:fs";
import { parseEnv } from "node:util";

type Secrets = Record<string, string | undefined>;

/** A deployment has its own. */
export function localSecrets(): Secrets {
  return secretsIn(".dev.vars");
}

/** What is to be deployed by `wrangler deploy --env NAME --secrets-file .NAME.vars`, as it stands there. */
export function secretsOf(environment: string): Secrets {
  return secretsIn(`.${environment}.vars`);
}

function secretsIn(file: string): Secrets {
  return existsSync(file) ? { ...parseEnv(readFileSync(file, "utf8")) } : {};
}
