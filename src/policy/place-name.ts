// Names of places (policy/source): what clients call a place. Pure.

import type { Config } from "../config/read.ts";
import type { Rule } from "../config/rule.ts";
import { baseOf } from "./route.ts";
import { originOf, originParts } from "./source.ts";

type Rules = Pick<Config, "rules">;

/** The prefix of all places under a rule. */
export function rootOf(rule: Rule): string {
  return `${originOf(rule)}//${rule.upstreamPrefix ? `${rule.upstreamPrefix}/` : ""}`;
}

/** A name that clients can use for it; undefined when no rule leads to it any more. */
export function nameOf(
  { rules }: Rules,
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

/** All full names that clients can use for it; for one that no rule leads to any more, its name at the upstream. */
export function allNamesOf({ rules }: Rules, place: string): string[] {
  const names = rules.flatMap(({ rule }) => {
    const root = rootOf(rule);
    if (!place.startsWith(root)) return [];
    const own = place.slice(root.length);
    const bases = [...rule.prefixes, ...rule.hosts, ...rule.ns].map((base) => `${base}/${own}`);
    return bases.length === 0 || rule.default ? [...bases, own] : bases;
  });
  return names.length > 0 ? names : [nameAtUpstream(place)];
}

/** Without the names of credentials, which are part of a place. */
export function nameAtUpstream(place: string): string {
  const at = place.lastIndexOf("//");
  if (at < 0) return place;
  const { upstream } = originParts(place.slice(0, at));
  return `${upstream.replace(/^https?:\/\//, "")}/${place.slice(at + 2)}`;
}
