// Changes to the configuration added through the API: made on the latest version, and stored only if that is still the latest.

import type { Context } from "hono";
import type { Access, RuleChange } from "../../access/contract.ts";
import type { Config } from "../../config/read.ts";
import { withAdded } from "../../policy/added.ts";
import type { LiveConfig } from "../live-config.ts";
import { visitorOf } from "../registry/registry-auth.ts";
import type { Admin } from "./admin.ts";
import { ApiProblem } from "./problem.ts";

/** Maximum number of attempts when other changes happen at the same time. */
const TRIES = 3;
/** Maximum size of everything added, as JSON, in bytes: every isolate keeps it in memory and reads it every few seconds. */
const MAX_BYTES = 64 * 1024;

/** Makes the change, given the configuration as it is now; may throw an ApiProblem, and nothing is changed. */
export type Change = (config: Config) => Omit<RuleChange, "id">;
/** @returns the configuration with the change. Throws `conflict` when others keep changing it at the same time. */
export type Changing = (context: Context, change: Change) => Promise<Config>;

export function changing(
  variables: Readonly<Record<string, unknown>>,
  current: LiveConfig,
  access: Access,
  admin: Admin,
): Changing {
  return async (context, change) => {
    const { request, now, later } = visitorOf(context);
    for (let tries = 0; tries < TRIES; tries++) {
      const { rules: added } = await access.page();
      const config = withAdded(current.configured, added.rules, variables);
      const wanted = change(config);
      const others = added.rules.filter(({ name }) => name !== wanted.name);
      const all = [...others.map(({ fields }) => fields), wanted.fields ?? {}];
      if (JSON.stringify(all).length > MAX_BYTES)
        throw conflict(
          `the rules and policies added through the API may take ${MAX_BYTES} bytes in total`,
        );
      const named = { id: crypto.randomUUID(), ...wanted };
      if (!(await access.changeRule(added.version, named, admin.who(request), now))) continue;
      await current.changed(now, later);
      return current.config;
    }
    throw conflict("another change was made at the same time; reload and retry");
  };
}

/** Throws `version-mismatch` (412) unless If-Match names the present version.
 * @param what subject of the message, with its verb @param version the present version */
export function expectVersion(
  what: string,
  version: number | undefined,
  ifMatch: string | undefined,
): void {
  if (ifMatch === undefined || ifMatch === "*" || ifMatch === `"${version}"`) return;
  const now = version === undefined ? "it no longer exists" : `it is at version ${version}`;
  const message = `${what} been changed since: ${now}`;
  throw new ApiProblem("version-mismatch", message);
}

export function conflict(message: string): ApiProblem {
  return new ApiProblem("conflict", message);
}
