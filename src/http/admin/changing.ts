// Changing what the API adds to the configuration: made against what is added at this moment, and done only if that still is so then.

import type { Context } from "hono";
import type { Access, RuleChange } from "../../access/contract.ts";
import type { Config } from "../../config/read.ts";
import { withAdded } from "../../policy/added.ts";
import type { LiveConfig } from "../live-config.ts";
import { visitorOf } from "../registry/registry-auth.ts";
import type { Admin } from "./admin.ts";
import { ApiProblem } from "./problem.ts";

/** Somebody else may change something else meanwhile: it is looked at again so often. */
const TRIES = 3;
/** Every isolate has all of it in its memory, and reads it every some seconds: so long in JSON, in bytes. */
const MOST_BYTES = 64 * 1024;

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
      if (JSON.stringify(all).length > MOST_BYTES)
        throw conflict(`what the API adds has ${MOST_BYTES} bytes at most, all together`);
      const named = { id: crypto.randomUUID(), ...wanted };
      if (!(await access.changeRule(added.version, named, admin.who(request), now))) continue;
      await current.changed(now, later);
      return current.config;
    }
    throw conflict("somebody else is changing this too; look at it, and try again");
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
  const now = version === undefined ? "there is none any more" : `it is of version ${version}`;
  const message = `${what} been changed meanwhile: ${now}`;
  throw new ApiProblem("version-mismatch", message);
}

export function conflict(message: string): ApiProblem {
  return new ApiProblem("conflict", message);
}
