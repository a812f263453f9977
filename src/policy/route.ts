// Which rule, and which repository at its upstream, a name leads to. Decides, does not act.

import type { ConfiguredRule } from "../config/read.ts";
import type { Rule } from "../config/rule.ts";
import { isDockerHub } from "../config/upstream.ts";
import { isRepositoryName } from "../oci/name.ts";

export interface Routed {
  configured: ConfiguredRule;
  /** The repository's name at the upstream. */
  repository: string;
}

/** The longest prefix that matches whole parts of the name wins. Undefined: no rule for this name. */
export function routeByPrefix(rules: readonly ConfiguredRule[], name: string): Routed | undefined {
  let best: { configured: ConfiguredRule; prefix: string } | undefined;
  for (const configured of rules) {
    for (const prefix of configured.rule.prefixes) {
      if (name.startsWith(`${prefix}/`) && prefix.length > (best?.prefix.length ?? 0)) {
        best = { configured, prefix };
      }
    }
  }
  if (!best) return undefined;
  const repository = upstreamRepository(best.configured.rule, name.slice(best.prefix.length + 1));
  return isRepositoryName(repository) ? { configured: best.configured, repository } : undefined;
}

/** Docker Hub keeps its official images under `library/`, and docker's client adds that silently. */
function upstreamRepository(rule: Rule, rest: string): string {
  const repository = rule.upstreamPrefix ? `${rule.upstreamPrefix}/${rest}` : rest;
  return isDockerHub(rule.upstream) && !repository.includes("/")
    ? `library/${repository}`
    : repository;
}
