// Offline: a rule that is cut off from its upstream answers from what is here, and says so.

import { ConfigError, readConfig } from "../../config/read.ts";
import type { Rule } from "../../config/rule.ts";
import { type ErrorCode, type ErrorValue, RegistryError } from "../../oci/error.ts";
import { originOf } from "../../policy/source.ts";

/** Why what is served is not younger. */
export function unasked(rule: Rule): ErrorValue {
  return { code: "UNAVAILABLE", message: notAsked(rule) };
}

function notAsked(rule: Rule): string {
  return `${rule.upstream.host} is not asked, since the rule "${rule.name}" is offline`;
}

/** @param unknown what a thing of this kind that is not here is called; a 404 lets clients go on to their next mirror */
export function offline(rule: Rule, unknown: ErrorCode): RegistryError {
  const message = `this is not in the cache, and ${notAsked(rule)}`;
  return new RegistryError(unknown, message, { status: 404 });
}

/** Whether today's configuration has this upstream offline, whatever the rule says that somebody carries: a fill that was
 * begun under yesterday's carries yesterday's. */
export function isOfflineIn(variables: Readonly<Record<string, unknown>>, rule: Rule): boolean {
  try {
    const { rules, offline } = readConfig(variables);
    const own = rules.filter((configured) => originOf(configured.rule) === originOf(rule));
    return offline || (own.length > 0 && own.every((configured) => configured.rule.offline));
  } catch (error) {
    if (error instanceof ConfigError) return false; // told at the door, which lets nobody in
    throw error;
  }
}
