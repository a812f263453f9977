// The door of the configuration: every variable named RULES or RULES_… holds a list of rules; the lists are joined.

import { type Auth, readAuth } from "./auth.ts";
import { readCredentials } from "./credentials.ts";
import { describe } from "./issues.ts";
import { parseJson } from "./json.ts";
import { DEFAULT_LIFECYCLE, type LifecyclePolicy, parsePolicies } from "./lifecycle.ts";
import { type LogLevel, readLog } from "./log.ts";
import { nameProblems, type Placed } from "./names.ts";
import { type Rule, ruleSchema } from "./rule.ts";
import { readTimes, type Times } from "./times.ts";

export interface ConfiguredRule {
  rule: Rule;
  /** Why this rule alone cannot be used: this secret of it is missing or malformed. */
  problem?: string;
  secret?: string;
  /** Its own lifecycle policies; not of `Rule`, which travels to the Durable Objects. */
  lifecycle?: LifecyclePolicy[];
}

export interface Config extends Times {
  auth: Auth;
  rules: ConfiguredRule[];
  /** All rules are, by the variable OFFLINE. */
  offline: boolean;
  log: LogLevel;
  /** Of what no rule's own policy speaks of. */
  lifecycle: LifecyclePolicy[];
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
  const placed: (Placed & Pick<ConfiguredRule, "lifecycle">)[] = [];
  const offline = readSwitch(env, "OFFLINE", problems);
  const names = Object.keys(env).filter((name) => name === "RULES" || name.startsWith("RULES_"));
  for (const name of names.sort()) {
    const list = parseList(env[name]);
    if (typeof list === "string") {
      problems.push(`${name}: ${list}`);
      continue;
    }
    list.forEach((given, index) => {
      const path = `${name}[${index}]`;
      const { lifecycle, fields } = withoutLifecycle(given, path, problems);
      const parsed = ruleSchema.safeParse(fields);
      if (!parsed.success) {
        problems.push(...parsed.error.issues.flatMap((issue) => describe(path, issue, "a rule")));
        return;
      }
      const rule = offline ? { ...parsed.data, offline } : parsed.data;
      placed.push({ rule, path, ...(lifecycle && { lifecycle }) });
    });
  }
  const lifecycle = readPolicies(env.LIFECYCLE, "LIFECYCLE", problems) ?? [DEFAULT_LIFECYCLE];
  const times = readTimes(env, problems);
  const auth = readAuth(env.AUTH, problems);
  const log = readLog(env.LOG, problems);
  problems.push(...nameProblems(placed));
  if (names.length === 0) problems.push("RULES: is missing, so there is no registry to pull from");
  else if (placed.length + problems.length === 0) problems.push("RULES: holds no rule");
  if (problems.length > 0) throw new ConfigError(problems);
  const rules = placed.map(({ rule, lifecycle }) => {
    return { ...configured(rule, env), ...(lifecycle && { lifecycle }) };
  });
  return { auth, rules, offline, log, lifecycle, ...times };
}

/** A rule's lifecycle is read apart from its other fields. */
function withoutLifecycle(
  given: unknown,
  path: string,
  problems: string[],
): { lifecycle: LifecyclePolicy[] | undefined; fields: unknown } {
  if (typeof given !== "object" || given === null || !("lifecycle" in given))
    return { lifecycle: undefined, fields: given };
  const { lifecycle, ...fields } = given;
  return { lifecycle: readPolicies(lifecycle, `${path}.lifecycle`, problems), fields };
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
function configured(rule: Rule, env: Readonly<Record<string, unknown>>): ConfiguredRule {
  for (const name of rule.credentials) {
    const read = readCredentials(env, name, rule.ecr ? "ecr" : "oci");
    if ("problem" in read) return { rule, problem: read.problem, secret: name };
  }
  return { rule };
}
