// Offline: a rule that is cut off from its upstream answers from what is here, and says so.

import type { Rule } from "../config/rule.ts";
import { type ErrorCode, type ErrorValue, RegistryError } from "../oci/error.ts";

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
