// mayTrustRealm: origins that may be asked for tokens, and be sent credentials: the upstream's own, the token service
// of a well-known registry (config/realms.ts), or one that the rule names.

import { knownRealm, namedRealms } from "../../config/realms.ts";
import type { Rule } from "../../config/rule.ts";

/** Compares whole origins: another port or name of the upstream's site may belong to another tenant. Never from https
 * to http. */
export function mayTrustRealm(realm: URL, rule: Rule): boolean {
  const upstream = new URL(rule.upstream.base);
  if (upstream.protocol === "https:" && realm.protocol !== "https:") return false;
  return [upstream.origin, knownRealm(rule), ...namedRealms(rule)].includes(realm.origin);
}
