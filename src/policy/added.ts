// Added rules: merges the API's rules and lifecycle policies into the configuration. Configured rules take precedence, and an added rule
// that conflicts with them is set aside; added lifecycle policies replace those of the variable.

import { type AddedRule, LIFECYCLE } from "../config/added.ts";
import { kindOf } from "../config/host-kind.ts";
import { parsePolicies } from "../config/lifecycle.ts";
import { nameProblems, type Placed } from "../config/names.ts";
import { type Config, configured, pemsOf, readRule } from "../config/read.ts";
import { namedRealms } from "../config/realms.ts";
import type { Rule } from "../config/rule.ts";
import { OWN_SECRETS, unboundIn } from "../config/secrets.ts";
import { registriesOf } from "./route.ts";

type Variables = Readonly<Record<string, unknown>>;

/** @param added in the order of addition; undefined if they could not be read */
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
    const problems = conflictProblems(whole, one.fields, env);
    whole =
      problems.length > 0
        ? { ...whole, aside: [...whole.aside, { ...one, problem: problems.join("; ") }] }
        : { ...whole, rules: [...whole.rules, ...ruleOf(whole, one, env)] };
  }
  return { ...whole, signers: { ...whole.signers, pems: pemsOf(whole.rules) } };
}

/** Policies that are no longer valid leave the configured ones in force. */
function withPolicies(config: Config, { name: _, ...added }: AddedRule): Config {
  const read = parsePolicies(added.fields.policies, "policies");
  if ("policies" in read) return { ...config, lifecycle: read.policies, lifecycleAdded: added };
  return { ...config, lifecycleAdded: { ...added, problem: read.problems.join("; ") } };
}

/** A rule whose secret is no longer bound stays, as unusable, so that its names do not fall to the default rule. */
function ruleOf(config: Config, { name: _, ...added }: AddedRule, env: Variables) {
  const read = readRule(added.fields, "", config.offline, []);
  if (!read) return [];
  const [problem] = secretProblems(read.rule, config, env);
  const one = configured(read, env);
  return [{ ...one, ...(problem && { problem: problem.text, secret: problem.secret }), added }];
}

/** Problems of one more rule beside the configured ones, each with its field's path. */
export function problemsOf(config: Config, fields: unknown, env: Variables): string[] {
  const problems = conflictProblems(config, fields, env);
  const read = readRule(fields, "", config.offline, []);
  if (!read) return problems;
  return [
    ...problems,
    ...secretProblems(read.rule, config, env).map(({ field, text }) => `${field}: ${text}`),
  ];
}

/** The same, without those of secrets. */
function conflictProblems(config: Config, fields: unknown, env: Variables): string[] {
  const problems: string[] = [];
  const read = readRule(fields, "", config.offline, problems);
  if (!read) return problems.map(withoutDot);
  const others = config.rules.map(
    ({ rule }): Placed => ({ rule, path: `the rule "${rule.name}"` }),
  );
  // Problems that existed before are not reported here.
  const before = new Set(nameProblems(others));
  problems.push(...nameProblems([...others, read]).filter((problem) => !before.has(problem)));
  const { name } = read.rule;
  if (config.rules.some(({ rule }) => rule.name === name))
    problems.push(`prefix: a rule named "${name}" already exists`);
  problems.push(...hidingProblems(read, config), ...reachProblems(read, env));
  return [...new Set(problems.map(withoutDot))];
}

/** An added rule must not take names of configured rules, so that an isolate that cannot read the added rules still resolves those names
 * correctly. */
function hidingProblems({ rule }: Placed, config: Config): string[] {
  const deployed = config.rules.flatMap((one) => (one.added ? [] : [one.rule]));
  const ownerOf = (test: (one: Rule) => boolean) => deployed.find(test)?.name;
  const registries = registriesOf(rule);
  const problems: string[] = [];
  if (rule.hosts.length + rule.secretHosts.length > 0)
    problems.push(
      "host: requires a route to the Worker, which only a deployment creates: put this rule into wrangler.toml",
    );
  if (rule.shadow)
    problems.push("shadow: a rule added by the API cannot hide names of configured rules");
  for (const prefix of rule.prefixes) {
    const taken = ownerOf(({ prefixes }) => prefixes.some((one) => prefix.startsWith(`${one}/`)));
    if (taken !== undefined)
      problems.push(`prefix: "${prefix}" would take names from the rule "${taken}"`);
    const beside = ownerOf((one) => registriesOf(one).some((host) => registries.includes(host)));
    if (beside !== undefined && !/[.-]/.test(prefix.split("/")[0] as string))
      problems.push(
        `prefix: "${prefix}" could hide a namespace of that name of the rule "${beside}", for clients that send ?ns=: use a prefix with a dot or a dash ("${prefix}-images")`,
      );
  }
  for (const registry of rule.ns) {
    const taken = ownerOf((one) => registriesOf(one).includes(registry));
    if (taken !== undefined) problems.push(`ns: "${registry}" already selects the rule "${taken}"`);
  }
  return problems;
}

/** An added rule must not reach private networks: an API administrator could otherwise use the cache to probe them (SSRF). */
function reachProblems({ rule }: Placed, env: Variables): string[] {
  if (String(env.LOCAL_ADMIN) === "true") return [];
  const wrong = (field: string, url: string) => {
    const { protocol, hostname } = new URL(url);
    return protocol === "https:" && kindOf(hostname) === "public"
      ? []
      : [`${field}: must be https:// and public in a rule added by the API`];
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

/** An API administrator can neither have a secret sent to a host of their own nor make its images public: a secret is sent only where the
 * deployer bound it, and an added rule with a secret always needs a token. That excludes `anonymous`; `networks`, since 0.0.0.0/0 would be
 * the same; and an open AUTH, except with `npm start` on loopback, which serves this machine only. */
function secretProblems(rule: Rule, { bindings, auth }: Config, env: Variables): SecretProblem[] {
  const [secret] = rule.credentials;
  if (secret === undefined) return [];
  const own = rule.credentials.find((name) => OWN_SECRETS.includes(name));
  if (own !== undefined)
    return [
      { field: "credentials", secret: own, text: `${own} is one of the cache's own secrets` },
    ];
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
      text: `a rule added by the API that has a secret must not allow pulls without a token (${field}): put it into wrangler.toml instead`,
    })),
  ];
}

function withoutDot(problem: string): string {
  return problem.replace(/^\./, "");
}
