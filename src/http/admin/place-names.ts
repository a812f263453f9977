// Names of places (policy/source): what clients call a place, and which places a search text matches.

import type { Config } from "../../config/read.ts";
import type { Rule } from "../../config/rule.ts";
import { baseOf } from "../../policy/route.ts";
import { originOf } from "../../policy/source.ts";

/** The prefix of all places under a rule. */
export function rootOf(rule: Rule): string {
  return `${originOf(rule)}//${rule.upstreamPrefix ? `${rule.upstreamPrefix}/` : ""}`;
}

/** A name that clients can use for it; undefined when no rule leads to it any more. */
export function nameOf(
  { rules }: Config,
  place: string,
): { name: string; rule: string } | undefined {
  for (const { rule } of rules) {
    const root = rootOf(rule);
    if (!place.startsWith(root)) continue;
    const own = place.slice(root.length);
    const base = baseOf(rule);
    return { name: base === undefined ? own : `${base}/${own}`, rule: rule.name };
  }
  return undefined;
}

/** Parts of places that match a search text: the text itself, and what it means under the names of rules. */
export function partsOf({ rules }: Config, text: string): string[] {
  const lower = text.toLowerCase();
  const named = rules.flatMap(({ rule }) =>
    [...rule.prefixes, ...rule.hosts, ...rule.ns].flatMap((base) =>
      lower.startsWith(`${base}/`)
        ? [rootOf(rule).replaceAll("//", "/").toLowerCase() + lower.slice(base.length + 1)]
        : [],
    ),
  );
  return [...new Set([lower, ...named])];
}
