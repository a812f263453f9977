// Rules that the API has added, beside those that are configured: those go first, and what does not fit beside them is set aside.

import { kindOf } from "./host-kind.ts";
import { nameProblems, type Placed } from "./names.ts";
import { type Config, configured, readRule } from "./read.ts";
import type { Rule } from "./rule.ts";

/** A rule as the API has added it. */
export interface Added {
  /** Its fields, as they would stand in the configuration. */
  fields: Record<string, unknown>;
  /** Grows with every change of any of them. */
  version: number;
  /** In ms since the epoch. */
  changedAt: number;
  changedBy: string;
}

export interface AddedRule extends Added {
  name: string;
}

/** It is not in force. */
export interface SetAside extends AddedRule {
  problem: string;
}

type Variables = Readonly<Record<string, unknown>>;

/** Secrets of the cache's own: they go nowhere. */
const OWN_SECRETS = ["ADMIN_TOKEN", "VIEWER_TOKEN", "METRICS_TOKEN"];

/** @param added in the order in which they were added; undefined where that cannot be read */
export function withAdded(
  config: Config,
  added: readonly AddedRule[] | undefined,
  env: Variables,
): Config {
  if (!added) return { ...config, isPartial: true };
  let whole: Config = { ...config, rules: [...config.rules], aside: [], isPartial: false };
  for (const one of added) {
    const problems = problemsOf(whole, one.fields, env);
    whole =
      problems.length > 0
        ? { ...whole, aside: [...whole.aside, { ...one, problem: problems.join("; ") }] }
        : { ...whole, rules: [...whole.rules, ...ruleOf(whole, one, env)] };
  }
  return whole;
}

function ruleOf(config: Config, { name: _, ...added }: AddedRule, env: Variables) {
  const read = readRule(added.fields, "", config.offline, []);
  return read ? [{ ...configured(read, env), added }] : [];
}

/** What is wrong with one more rule beside these, each with its field's path. */
export function problemsOf(config: Config, fields: unknown, env: Variables): string[] {
  const problems: string[] = [];
  const read = readRule(fields, "", config.offline, problems);
  if (!read) return problems.map(withoutDot);
  const others = config.rules.map(
    ({ rule }): Placed => ({ rule, path: `the rule "${rule.name}"` }),
  );
  // Of problems that were there before nobody is told here.
  const before = new Set(nameProblems(others));
  problems.push(...nameProblems([...others, read]).filter((problem) => !before.has(problem)));
  const { name } = read.rule;
  if (config.rules.some(({ rule }) => rule.name === name))
    problems.push(`prefix: there is a rule of the name "${name}" already`);
  problems.push(...reachProblems(read, env), ...secretProblems(read, config));
  return [...new Set(problems.map(withoutDot))];
}

/** Whoever administers a deployment is not to reach into networks with it. */
function reachProblems({ rule }: Placed, env: Variables): string[] {
  if (String(env.LOCAL_ADMIN) === "true") return [];
  const wrong = (field: string, url: string) => {
    const { protocol, hostname } = new URL(url);
    return protocol === "https:" && kindOf(hostname) === "public"
      ? []
      : [`${field}: must be https:// and public, for a rule that the API adds`];
  };
  return [
    ...wrong("upstream", rule.upstream.base),
    ...rule.realms.flatMap((realm) => wrong("realm", `https://${realm}`)),
    ...(rule.ecr ? wrong("endpoint", rule.ecr.endpoint) : []),
  ];
}

/** A secret goes to the upstream that the configuration names it for, to its token services, and to nobody else. */
function secretProblems({ rule }: Placed, config: Config): string[] {
  return rule.credentials.flatMap((secret) => {
    if (OWN_SECRETS.includes(secret)) return [`credentials: ${secret} is the cache's own`];
    const owners = config.rules.filter(
      (one) => !one.added && one.rule.credentials.includes(secret),
    );
    const isOther = owners.length > 0 && !owners.some((one) => goesNoFurther(rule, one.rule));
    return isOther
      ? [`credentials: the secret ${secret} is for ${owners[0]?.rule.upstream.host} alone`]
      : [];
  });
}

function goesNoFurther(rule: Rule, than: Rule): boolean {
  return (
    rule.upstream.base === than.upstream.base &&
    rule.ecr?.endpoint === than.ecr?.endpoint &&
    rule.realms.every((realm) => than.realms.includes(realm))
  );
}

function withoutDot(problem: string): string {
  return problem.replace(/^\./, "");
}
