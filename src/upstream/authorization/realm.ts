// Where tokens may be asked for, and credentials may go: at the upstream's own origin, at the token service that a registry known by
// name has (config/realms), or at one that the rule names.

import { knownRealm, namedRealms } from "../../config/realms.ts";
import type { Rule } from "../../config/rule.ts";

/** Origin against origin: on a neighbouring port or name of the upstream's site, anyone may listen who rents there. Never from https
 * down to http. */
export function mayTrustRealm(realm: URL, rule: Rule): boolean {
  const upstream = new URL(rule.upstream.base);
  if (upstream.protocol === "https:" && realm.protocol !== "https:") return false;
  return [upstream.origin, knownRealm(rule), ...namedRealms(rule)].includes(realm.origin);
}
