// Where tokens may be asked for, and credentials may go: at a token service of the upstream's own site, or one that the rule names.

import { getDomain } from "tldts";
import type { Rule } from "../config/rule.ts";

/** A site is a registrable domain (registry-1.docker.io and auth.docker.io share docker.io), private suffixes
 * such as github.io included; an address or a bare name is a site of its own. Never from https down to http. */
export function mayTrustRealm(realm: URL, rule: Rule): boolean {
  const upstream = new URL(rule.upstream.base);
  if (upstream.protocol === "https:" && realm.protocol !== "https:") return false;
  if (rule.realms.includes(realm.host)) return true;
  return siteOf(realm.hostname) === siteOf(upstream.hostname);
}

function siteOf(hostname: string): string {
  return getDomain(hostname, { allowPrivateDomains: true }) ?? hostname;
}
