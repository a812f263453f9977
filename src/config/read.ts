// The door of the configuration: every variable named RULES or RULES_… holds a list of rules; the lists are joined.

import type { Added, SetAside } from "./added.ts";
import { type Auth, readAuth } from "./auth.ts";
import { readCredentials } from "./credentials.ts";
import { describe } from "./issues.ts";
import { parseJson } from "./json.ts";
import { DEFAULT_LIFECYCLE, parsePolicies } from "./lifecycle.ts";
import type { LifecyclePolicy } from "./lifecycle-policy.ts";
import { type Limits, readLimits } from "./limits.ts";
import { type LogLevel, readLog } from "./log.ts";
import { nameProblems, type Placed } from "./names.ts";
import { type Prewarmed, prewarmSchema } from "./prewarm.ts";
import { type Rule, ruleSchema } from "./rule.ts";
import { type Bindings, bindingsOf, readSecrets } from "./secrets.ts";
import { readTimes, type Times } from "./times.ts";

export interface ConfiguredRule {
  rule: Rule;
  /** Why this rule alone cannot be used: this secret of it is missing or malformed. */
  problem?: string;
  secret?: string;
  /** Its own lifecycle policies; not of `Rule`, which travels to the Durable Objects. */
  lifecycle?: LifecyclePolicy[];
  /** What is fetched before anybody asks, and when. */
  prewarm?: Prewarmed[];
  /** It was added by the API: when, by whom. */
  added?: Added;
}

export interface Config extends Times {
  auth: Auth;
  rules: ConfiguredRule[];
  /** All rules are, by the variable OFFLINE. */
  offline: boolean;
  /** Where secrets may go. */
  bindings: Bindings;
  log: LogLevel;
  limits: Limits;
  /** Of what no rule's own policy speaks of. */
  lifecycle: LifecyclePolicy[];
  /** Those are the API's; with what is wrong with them, they are not. */
  lifecycleAdded?: Added & { problem?: string };
  /** Rules of the API that do not fit beside the others any more. */
  aside: SetAside[];
  /** What the API has added could not be read: names that no rule but the default one has may be another's. */
  isPartial: boolean;
}

/** The configuration cannot be used at all. Each problem starts with its field's path. */
export class ConfigError extends Error {
  readonly problems: string[];
  constructor(problems: string[]) {
    super(problems.join("; "));
    this.name = "ConfigError";
    this.problems = problems;
  }
}

/** @param env the Worker's variables and secrets; throws a ConfigError with all that is wrong */
export function readConfig(env: Readonly<Record<string, unknown>>): Config {
  const problems: string[] = [];
  const placed: ReadRule[] = [];
  const offline = readSwitch(env, "OFFLINE", problems);
  const names = Object.keys(env).filter((name) => name === "RULES" || name.startsWith("RULES_"));
  for (const name of names.sort()) {
    const list = parseList(env[name]);
    if (typeof list === "string") {
      problems.push(`${name}: ${list}`);
      continue;
    }
    list.forEach((given, index) => {
      const read = readRule(given, `${name}[${index}]`, offline, problems);
      if (read) placed.push(read);
    });
  }
  const lifecycle = readPolicies(env.LIFECYCLE, "LIFECYCLE", problems) ?? [DEFAULT_LIFECYCLE];
  const times = readTimes(env, problems);
  const auth = readAuth(env.AUTH, problems);
  const log = readLog(env.LOG, problems);
  const secrets = readSecrets(env.SECRETS, problems);
  const limits = readLimits(env.LIMITS, problems);
  problems.push(...nameProblems(placed));
  if (names.length === 0) problems.push("RULES: is missing, so there is no registry to pull from");
  else if (placed.length + problems.length === 0) problems.push("RULES: holds no rule");
  if (problems.length > 0) throw new ConfigError(problems);
  const bindings = bindingsOf(
    placed.map(({ rule }) => rule),
    secrets,
  );
  const rules = placed.map((read) => configured(read, env));
  const read = { auth, rules, offline, bindings, log, limits, lifecycle, ...times };
  return { ...read, aside: [], isPartial: false };
}

/** A rule, and where it stands. */
export type ReadRule = Placed & Pick<ConfiguredRule, "lifecycle" | "prewarm">;

/** One rule by itself; undefined where something is wrong with it.
 * @param offline all rules are @param problems takes what is wrong */
export function readRule(
  given: unknown,
  path: string,
  offline: boolean,
  problems: string[],
): ReadRule | undefined {
  const { lifecycle, prewarm, fields } = takenApart(given, path, problems);
  const parsed = ruleSchema.safeParse(fields);
  if (!parsed.success) {
    problems.push(...parsed.error.issues.flatMap((issue) => describe(path, issue, "a rule")));
    return undefined;
  }
  const rule = offline ? { ...parsed.data, offline } : parsed.data;
  return { rule, path, ...(lifecycle && { lifecycle }), ...(prewarm && { prewarm }) };
}

/** What is not of `Rule`, which travels to the Durable Objects, is read apart from its other fields. */
function takenApart(
  given: unknown,
  path: string,
  problems: string[],
): Pick<ReadRule, "lifecycle" | "prewarm"> & { fields: unknown } {
  if (typeof given !== "object" || given === null || Array.isArray(given)) return { fields: given };
  const { lifecycle: policies, prewarm: entries, ...fields } = given as Record<string, unknown>;
  const lifecycle = readPolicies(policies, `${path}.lifecycle`, problems);
  const read = prewarmSchema.optional().safeParse(entries);
  if (!read.success)
    problems.push(
      ...read.error.issues.flatMap((issue) => describe(`${path}.prewarm`, issue, "an entry")),
    );
  const prewarm = read.success ? read.data : undefined;
  return { fields, ...(lifecycle && { lifecycle }), ...(prewarm && { prewarm }) };
}

function readPolicies(
  value: unknown,
  path: string,
  problems: string[],
): LifecyclePolicy[] | undefined {
  if (value === undefined || value === "") return undefined;
  const read = parsePolicies(value, path);
  if ("policies" in read) return read.policies;
  problems.push(...read.problems);
  return undefined;
}

/** A variable that is on or off: a boolean of `[vars]`, or the text that `--var` makes of one. */
function readSwitch(
  env: Readonly<Record<string, unknown>>,
  name: string,
  problems: string[],
): boolean {
  const value = env[name];
  if (value === undefined || value === "") return false;
  const known = { true: true, "1": true, false: false, "0": false }[String(value).toLowerCase()];
  if (known === undefined) problems.push(`${name}: must be true or false`);
  return known ?? false;
}

/** The list, or what is wrong with it. */
function parseList(given: unknown): unknown[] | string {
  const parsed = parseJson(given);
  if ("problem" in parsed) return parsed.problem;
  const { value } = parsed;
  if (Array.isArray(value)) return value;
  return typeof given === "string" ? "must be a JSON list of rules" : "must be a list of rules";
}

/** The first secret that is missing or malformed makes the whole rule unusable: rotation must not hide it. */
export function configured(
  { path: _, ...own }: ReadRule,
  env: Readonly<Record<string, unknown>>,
): ConfiguredRule {
  const { rule } = own;
  for (const name of rule.credentials) {
    const read = readCredentials(env, name, rule.ecr ? "ecr" : "oci");
    if ("problem" in read) return { ...own, problem: read.problem, secret: name };
  }
  return own;
}
