// The only way to what a secret holds: for a rule that its deployer bound the secret to.

import { type Read, readCredentials } from "../../config/credentials.ts";
import { ConfigError, readConfig } from "../../config/read.ts";
import type { Rule } from "../../config/rule.ts";
import { type Bindings, unboundIn } from "../../config/secrets.ts";

type Variables = Readonly<Record<string, unknown>>;

/** The credentials in a secret that a rule names, or why it may not have them. */
export type Secrets = (rule: Rule, name: string) => Read;

/** By today's configuration, whatever the rule says that is handed in: a fill that was begun under yesterday's carries yesterday's, and
 * the secret may have been unbound since. Read once, when it is first asked. */
export function openSecrets(variables: Variables): Secrets {
  let bindings: Bindings | undefined;
  return (rule, name) => {
    bindings ??= bindingsIn(variables);
    const unbound = unboundIn(bindings, rule);
    if (unbound) return { problem: unbound.problem };
    return readCredentials(variables, name, rule.ecr ? "ecr" : "oci");
  };
}

/** A configuration that cannot be used binds nothing. */
function bindingsIn(variables: Variables): Bindings {
  try {
    return readConfig(variables).bindings;
  } catch (error) {
    if (error instanceof ConfigError) return new Map(); // told at the door, which lets nobody in
    throw error;
  }
}
