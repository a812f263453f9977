// openSecrets: the only access to secrets, for rules that the deployer bound the secret to.

import { type Read, readCredentials } from "../../config/credentials.ts";
import { ConfigError, readConfig } from "../../config/read.ts";
import type { Rule } from "../../config/rule.ts";
import { type Bindings, unboundIn } from "../../config/secrets.ts";

type Variables = Readonly<Record<string, unknown>>;

/** Reads the credentials in a secret that a rule names, or the reason for refusing them. */
export type Secrets = (rule: Rule, name: string) => Read;

/** Uses the current configuration, whatever the given rule says: a fill that began under an earlier one carries the
 * earlier rule, and the secret may have been unbound since. Parsed once, at the first use. */
export function openSecrets(variables: Variables): Secrets {
  let bindings: Bindings | undefined;
  return (rule, name) => {
    bindings ??= bindingsIn(variables);
    const unbound = unboundIn(bindings, rule);
    if (unbound) return { problem: unbound.problem };
    return readCredentials(variables, name, rule.ecr ? "ecr" : "oci");
  };
}

/** An invalid configuration binds nothing. */
function bindingsIn(variables: Variables): Bindings {
  try {
    return readConfig(variables).bindings;
  } catch (error) {
    if (error instanceof ConfigError) return new Map(); // reported at the entry, which refuses all requests
    throw error;
  }
}
