// What the API has added, beside what is configured. Of rules those that are configured go first, and what does not fit beside them is
// set aside; lifecycle policies stand in place of the variable's.

import { type AddedRule, LIFECYCLE } from "../config/added.ts";
import { kindOf } from "../config/host-kind.ts";
import { parsePolicies } from "../config/lifecycle.ts";
import { nameProblems, type Placed } from "../config/names.ts";
import { type Config, configured, readRule } from "../config/read.ts";
import { namedRealms } from "../config/realms.ts";
import type { Rule } from "../config/rule.ts";
import { OWN_SECRETS, unboundIn } from "../config/secrets.ts";
import { registriesOf } from "./route.ts";

type Variables = Readonly<Record<string, unknown>>;

/** @param added in the order in which they were added; undefined where that cannot be read */
export function withAdded(
  config: Config,
  added: readonly AddedRule[] | undefined,
  env: Variables,
): Config {
  if (!added) return { ...config, isPartial: true };
  let whole: Config = { ...config, rules: [...config.rules], aside: [], isPartial: false };
  for (const one of added) {
    if (one.name === LIFECYCLE) {
      whole = withPolicies(whole, one);
      continue;
    }
    const problems = fittingProblems(whole, one.fields, env);
    whole =
      problems.length > 0
        ? { ...whole, aside: [...whole.aside, { ...one, problem: problems.join("; ") }] }
        : { ...whole, rules: [...whole.rules, ...ruleOf(whole, one, env)] };
  }
  return whole;
}

/** What cannot be read any more leaves in force what is configured. */
function withPolicies(config: Config, { name: _, ...added }: AddedRule): Config {
  const read = parsePolicies(added.fields.policies, "policies");
  if ("policies" in read) return { ...config, lifecycle: read.policies, lifecycleAdded: added };
  return { ...config, lifecycleAdded: { ...added, problem: read.problems.join("; ") } };
}

/** One whose secret was unbound since is unusable in its place: its names must not fall to the default rule. */
function ruleOf(config: Config, { name: _, ...added }: AddedRule, env: Variables) {
  const read = readRule(added.fields, "", config.offline, []);
  if (!read) return [];
  const [problem] = secretProblems(read.rule, config, env);
  const one = configured(read, env);
  return [{ ...one, ...(problem && { problem: problem.text, secret: problem.secret }), added }];
}

/** What is wrong with one more rule beside these, each with its field's path. */
export function problemsOf(config: Config, fields: unknown, env: Variables): string[] {
  const problems = fittingProblems(config, fields, env);
  const read = readRule(fields, "", config.offline, []);
  if (!read) return problems;
  return [
    ...problems,
    ...secretProblems(read.rule, config, env).map(({ field, text }) => `${field}: ${text}`),
  ];
}

/** The same, but for what hangs on secrets. */
function fittingProblems(config: Config, fields: unknown, env: Variables): string[] {
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
  problems.push(...hidingProblems(read, config), ...reachProblems(read, env));
  return [...new Set(problems.map(withoutDot))];
}

/** What is configured answers for its own names: whoever knows that alone, since the book cannot be read, is then right about them. */
function hidingProblems({ rule }: Placed, config: Config): string[] {
  const deployed = config.rules.flatMap((one) => (one.added ? [] : [one.rule]));
  const ownerOf = (test: (one: Rule) => boolean) => deployed.find(test)?.name;
  const registries = registriesOf(rule);
  const problems: string[] = [];
  if (rule.hosts.length + rule.secretHosts.length > 0)
    problems.push(
      "host: wants a route to the Worker, which a deployment makes: put this rule into wrangler.toml",
    );
  if (rule.shadow) problems.push("shadow: what is configured is not hidden by rules of the API");
  for (const prefix of rule.prefixes) {
    const taken = ownerOf(({ prefixes }) => prefixes.some((one) => prefix.startsWith(`${one}/`)));
    if (taken !== undefined)
      problems.push(`prefix: "${prefix}" would take names from the rule "${taken}"`);
    const beside = ownerOf((one) => registriesOf(one).some((host) => registries.includes(host)));
    if (beside !== undefined && !/[.-]/.test(prefix.split("/")[0] as string))
      problems.push(
        `prefix: "${prefix}" could hide a namespace of that name from the rule "${beside}", for clients that say ?ns=: give it a dot or a dash ("${prefix}-images")`,
      );
  }
  for (const registry of rule.ns) {
    const taken = ownerOf((one) => registriesOf(one).includes(registry));
    if (taken !== undefined)
      problems.push(`ns: "${registry}" is what the rule "${taken}" stands for`);
  }
  return problems;
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
    ...namedRealms(rule).flatMap((realm) => wrong("realm", realm)),
    ...(rule.ecr ? wrong("endpoint", rule.ecr.endpoint) : []),
  ];
}

interface SecretProblem {
  field: string;
  secret: string;
  text: string;
}

/** A secret goes where its deployer bound it, and what it opens is not opened to those without a token: `networks` of 0.0.0.0/0 would be
 * `anonymous` by another name, and where AUTH is open every rule is. An admin of the API can neither have a secret sent to a host of theirs
 * nor make its images public. `npm start` on loopback is open to this machine alone. */
function secretProblems(rule: Rule, { bindings, auth }: Config, env: Variables): SecretProblem[] {
  const [secret] = rule.credentials;
  if (secret === undefined) return [];
  const own = rule.credentials.find((name) => OWN_SECRETS.includes(name));
  if (own !== undefined)
    return [{ field: "credentials", secret: own, text: `${own} is the cache's own` }];
  const unbound = unboundIn(bindings, rule);
  const open = [
    ...(rule.anonymous ? ["anonymous"] : []),
    ...(rule.networks.length > 0 ? ["networks"] : []),
    ...(auth.mode === "open" && String(env.LOCAL_ADMIN) !== "true" ? ["AUTH.mode"] : []),
  ];
  return [
    ...(unbound ? [{ ...unbound, text: unbound.problem }] : []),
    ...open.map((field) => ({
      field,
      secret,
      text: `a rule of the API that has a secret may not be pulled by without a token (${field}): put it into wrangler.toml for that`,
    })),
  ];
}

function withoutDot(problem: string): string {
  return problem.replace(/^\./, "");
}
