// What a place (policy/source) is called by clients, and which places a name leads to.

import type { Config } from "../../config/read.ts";
import type { Rule } from "../../config/rule.ts";
import { baseOf } from "../../policy/route.ts";
import { originOf } from "../../policy/source.ts";

/** What the repositories of a rule are under, as places. */
export function rootOf(rule: Rule): string {
  return `${originOf(rule)}//${rule.upstreamPrefix ? `${rule.upstreamPrefix}/` : ""}`;
}

/** As a client could call it by one of the rules; undefined where none leads there any more. */
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

/** What somebody looks for, as parts of places: as it is, and by the names that rules give. */
export function partsOf({ rules }: Config, text: string): string[] {
  const asked = text.toLowerCase();
  const named = rules.flatMap(({ rule }) =>
    [...rule.prefixes, ...rule.hosts, ...rule.ns].flatMap((base) =>
      asked.startsWith(`${base}/`)
        ? [rootOf(rule).replaceAll("//", "/").toLowerCase() + asked.slice(base.length + 1)]
        : [],
    ),
  );
  return [...new Set([asked, ...named])];
}
