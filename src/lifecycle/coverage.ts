// Coverage: the policies that apply to a place. A rule covers every repository under its prefix; where several rules lead to one
// place, an image expires only if the policies of all of them expire it.

import { DEFAULT_LIFECYCLE } from "../config/lifecycle.ts";
import type { LifecyclePolicy } from "../config/lifecycle-policy.ts";
import type { Config, ConfiguredRule } from "../config/read.ts";
import { namesOf } from "../policy/allowed.ts";
import { globMatcher } from "../policy/glob.ts";
import { originOf, ownName, type Source } from "../policy/source.ts";

/** A policy that applies to a place. */
export interface Cover {
  policy: LifecyclePolicy;
  /** The policy's origin: a rule's name, "LIFECYCLE" or "default". */
  owner: string;
  /** Names by which the policy's globs may match the repository. */
  names: string[];
}

export interface Coverage {
  /** An image expires only if all of these expire it. */
  covers: Cover[];
  /** Sources that could deliver the place's images again; empty if no rule leads there any more. */
  sources: { source: Source; configured: ConfiguredRule }[];
  /** The repository's name as clients use it. */
  name: string;
}

type Settings = Pick<Config, "rules" | "lifecycle">;

export function coverageOf({ rules, lifecycle }: Settings, place: string): Coverage {
  const { origin, repository } = partsOf(place);
  const sources = rules
    .filter(({ rule }) => originOf(rule) === origin && isUnder(rule.upstreamPrefix, repository))
    .map((configured) => ({ source: { rule: configured.rule, repository }, configured }));
  const common = (names: string[]): Cover => {
    const policy = firstFor(lifecycle, names);
    if (policy)
      return { policy, owner: policy === DEFAULT_LIFECYCLE ? "default" : "LIFECYCLE", names };
    return { policy: DEFAULT_LIFECYCLE, owner: "default", names };
  };
  const covers = sources.map(({ source, configured }): Cover => {
    const names = allNamesOf(source);
    const policy = configured.lifecycle && firstFor(configured.lifecycle, names);
    return policy ? { policy, owner: configured.rule.name, names } : common(names);
  });
  const [first] = sources;
  return {
    covers: covers.length > 0 ? merged(covers) : [common([repository])],
    sources,
    name: first ? nameOf(first.source) : place,
  };
}

/** Coverage if the given policies were all that is configured; a place that they do not mention has no policy. */
export function coverageBy(
  { policies, ...settings }: Settings & { policies: readonly LifecyclePolicy[] },
  place: string,
): Coverage {
  const coverage = coverageOf(settings, place);
  const names = [...new Set(coverage.covers.flatMap((cover) => cover.names))];
  const policy = firstFor(policies, names);
  return { ...coverage, covers: policy ? [{ policy, owner: "given", names }] : [] };
}

function partsOf(place: string): { origin: string; repository: string } {
  const at = place.lastIndexOf("//"); // an origin may begin with http://
  if (at < 0) return { origin: "", repository: place };
  return { origin: place.slice(0, at), repository: place.slice(at + 2) };
}

function isUnder(prefix: string | undefined, repository: string): boolean {
  return prefix === undefined || repository.startsWith(`${prefix}/`);
}

function firstFor(
  policies: readonly LifecyclePolicy[],
  names: readonly string[],
): LifecyclePolicy | undefined {
  return policies.find(({ repositories }) => {
    return !repositories || repositories.some((glob) => names.some(globMatcher(glob)));
  });
}

/** The repository's own names, and those with each of the rule's prefixes, as clients write them. */
function allNamesOf(source: Source): string[] {
  const own = namesOf(source);
  return [
    ...own,
    ...source.rule.prefixes.flatMap((prefix) => own.map((name) => `${prefix}/${name}`)),
  ];
}

function nameOf(source: Source): string {
  const own = ownName(source);
  const [prefix] = source.rule.prefixes;
  return prefix === undefined ? own : `${prefix}/${own}`;
}

/** A policy found by several rules is evaluated once, under all names. */
function merged(covers: readonly Cover[]): Cover[] {
  const policies = new Map<LifecyclePolicy, Cover>();
  for (const cover of covers) {
    const known = policies.get(cover.policy);
    const names = [...new Set([...(known?.names ?? []), ...cover.names])];
    policies.set(cover.policy, { ...(known ?? cover), names });
  }
  return [...policies.values()];
}
