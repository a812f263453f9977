// Offline rules: only the cache answers, and the answer says so.

import { ConfigError, readConfig } from "../../config/read.ts";
import type { Rule } from "../../config/rule.ts";
import { type ErrorCode, type ErrorValue, RegistryError } from "../../oci/error.ts";
import { originOf } from "../../policy/source.ts";

/** The reason why a stale answer was not refreshed. */
export function unasked(rule: Rule): ErrorValue {
  return { code: "UNAVAILABLE", message: notAsked(rule) };
}

function notAsked(rule: Rule): string {
  return `${rule.upstream.host} is not requested, since the rule "${rule.name}" is offline`;
}

/** @param unknown error code for content of this kind that is not cached; a 404 lets clients try their next mirror */
export function offline(rule: Rule, unknown: ErrorCode): RegistryError {
  const message = `not in the cache, and ${notAsked(rule)}`;
  return new RegistryError(unknown, message, { status: 404 });
}

/** Whether the current configuration has this upstream offline, whatever the given rule says: a fill that began under
 * an earlier configuration carries the earlier rule. */
export function isOfflineIn(variables: Readonly<Record<string, unknown>>, rule: Rule): boolean {
  try {
    const { rules, offline } = readConfig(variables);
    const own = rules.filter((configured) => originOf(configured.rule) === originOf(rule));
    return offline || (own.length > 0 && own.every((configured) => configured.rule.offline));
  } catch (error) {
    if (error instanceof ConfigError) return false; // reported at the entry, which refuses all requests
    throw error;
  }
}
