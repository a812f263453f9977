// Configuration parser: reads all variables; each named RULES or RULES_… holds a list of rules, and the lists are joined.

import type { Added, SetAside } from "./added.ts";
import { type AuditSettings, readAudit } from "./audit.ts";
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
import { readScanners, type Scanner } from "./scanners.ts";
import { type Bindings, bindingsOf, readSecrets } from "./secrets.ts";
import { readPems, type Signers } from "./signers.ts";
import { readTimes, type Times } from "./times.ts";
import { readTrustedRoot } from "./trusted-root.ts";
import { readWebhooks, type Webhook } from "./webhooks.ts";

export interface ConfiguredRule {
  rule: Rule;
  /** Why this rule cannot be used: its secret, named in `secret`, is missing or malformed. */
  problem?: string;
  secret?: string;
  /** The PEMs of its signers, by the name of their variable. */
  pems?: Signers["pems"];
  /** The rule's own lifecycle policies; kept out of `Rule`, which is sent to the Durable Objects. */
  lifecycle?: LifecyclePolicy[];
  /** What is fetched ahead of pulls, and when. */
  prewarm?: Prewarmed[];
  /** Set if the API added the rule: when, by whom. */
  added?: Added;
}

export interface Config extends Times {
  auth: Auth;
  rules: ConfiguredRule[];
  /** The variable OFFLINE: all rules are offline. */
  offline: boolean;
  /** The destinations that secrets may be sent to. */
  bindings: Bindings;
  /** Key material of the rules' signers. */
  signers: Signers;
  log: LogLevel;
  /** Undefined where pulls are not audited. */
  audit?: AuditSettings;
  limits: Limits;
  /** Policies for repositories that no rule's own policy matches. */
  lifecycle: LifecyclePolicy[];
  /** Receivers of events. */
  webhooks: Webhook[];
  /** Scanners whose reports are taken with a token of their own. */
  scanners: Scanner[];
  /** Set if the API has stored policies: `lifecycle` holds them, unless `problem` says why they are invalid. */
  lifecycleAdded?: Added & { problem?: string };
  /** Added rules that are not in force since they conflict with others. */
  aside: SetAside[];
  /** The added rules could not be read: a name that only the default rule matches may belong to one of them. */
  isPartial: boolean;
}

/** The configuration cannot be used at all; each problem begins with its field's path. */
export class ConfigError extends Error {
  readonly problems: string[];
  constructor(problems: string[]) {
    super(problems.join("; "));
    this.name = "ConfigError";
    this.problems = problems;
  }
}

/** Reads the configuration; throws a ConfigError with all problems. @param env the Worker's variables and secrets */
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
  const audit = readAudit(env.AUDIT, problems);
  const secrets = readSecrets(env.SECRETS, problems);
  const limits = readLimits(env.LIMITS, problems);
  const webhooks = readWebhooks(env, problems);
  const root = readTrustedRoot(env.TRUSTED_ROOT, problems);
  const scanners = readScanners(env.SCANNERS, problems);
  problems.push(...nameProblems(placed));
  if (names.length === 0) problems.push("RULES: is missing, so there is no registry to pull from");
  else if (placed.length + problems.length === 0) problems.push("RULES: contains no rule");
  if (problems.length > 0) throw new ConfigError(problems);
  const bindings = bindingsOf(
    placed.map(({ rule }) => rule),
    secrets,
  );
  const rules = placed.map((read) => configured(read, env));
  const signers = { pems: pemsOf(rules), ...(root !== undefined && { root }) };
  const read = {
    ...{ auth, rules, offline, bindings, signers, log, limits, lifecycle, webhooks },
    scanners,
    ...times,
  };
  return { ...read, ...(audit && { audit }), aside: [], isPartial: false };
}

/** A parsed rule with its path, before its secrets are checked. */
export type ReadRule = Placed & Pick<ConfiguredRule, "lifecycle" | "prewarm">;

/** Parses one rule by itself; undefined if it is invalid.
 * @param offline makes the rule offline @param problems receives what is wrong */
export function readRule(
  given: unknown,
  path: string,
  offline: boolean,
  problems: string[],
): ReadRule | undefined {
  const { lifecycle, prewarm, fields } = splitRule(given, path, problems);
  const parsed = ruleSchema.safeParse(fields);
  if (!parsed.success) {
    problems.push(...parsed.error.issues.flatMap((issue) => describe(path, issue, "a rule")));
    return undefined;
  }
  const rule = offline ? { ...parsed.data, offline } : parsed.data;
  return { rule, path, ...(lifecycle && { lifecycle }), ...(prewarm && { prewarm }) };
}

/** Splits off the fields that are kept out of `Rule`, which is sent to the Durable Objects. */
function splitRule(
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

/** Reads a boolean variable: a boolean of `[vars]`, or a string from `--var`. */
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

/** The list of rules, or the problem. */
function parseList(given: unknown): unknown[] | string {
  const parsed = parseJson(given);
  if ("problem" in parsed) return parsed.problem;
  const { value } = parsed;
  if (Array.isArray(value)) return value;
  return typeof given === "string" ? "must be a JSON list of rules" : "must be a list of rules";
}

/** Checks a rule's secrets. One that is missing or malformed makes the rule unusable, lest a working second secret hide it. */
export function configured(
  { path: _, ...own }: ReadRule,
  env: Readonly<Record<string, unknown>>,
): ConfiguredRule {
  const { rule } = own;
  for (const name of rule.credentials) {
    const read = readCredentials(env, name, rule.ecr ? "ecr" : "oci");
    if ("problem" in read) return { ...own, problem: read.problem, secret: name };
  }
  return rule.verify ? { ...own, ...readPems(rule.verify, env) } : own;
}

/** The PEMs of all rules. */
export function pemsOf(rules: readonly ConfiguredRule[]): Signers["pems"] {
  return Object.assign({}, ...rules.map(({ pems }) => pems));
}
