// `npm run check`: checks the configuration before a deployment, with the secrets known on this machine. `-- --env NAME` checks an
// environment, with its secrets in `.NAME.vars`.

import { auditSummary } from "../config/audit.ts";
import { SHORTEST_SECRET } from "../config/auth.ts";
import { mirrorWarning } from "../config/enforcing.ts";
import { hintsOf } from "../config/hints.ts";
import { namesOf } from "../config/names.ts";
import { ConfigError, readConfig } from "../config/read.ts";
import { tokenProblem } from "../config/scanners.ts";
import { readSecrets } from "../config/secrets.ts";
import { withoutQueries } from "../text/plain.ts";
import { localSecrets, secretsOf } from "./secrets.ts";
import { boundDatasets, deployedVariables, option, type Variables } from "./settings.ts";

/** Cloudflare's limit on the value of one variable, in bytes. */
const VARIABLE_LIMIT = 5 * 1024;

const MODES = {
  open: "open: anyone who can reach the cache may pull (acknowledged)",
  token: "token: pulls need a pull token or a token of an issuer",
};

/** Secrets of the cache itself; short ones could be guessed. */
const OWN_SECRETS = ["ADMIN_TOKEN", "VIEWER_TOKEN", "METRICS_TOKEN", "SCANNER_TOKEN"];

const environment = option(process.argv.slice(2), "env") || undefined;
const variables = deployedVariables(environment);
const problems = [...oversized(variables), ...unusable(variables)];
for (const problem of problems) console.error(`✘ ${problem}`);
if (problems.length > 0) process.exit(1);
console.log("✔ The configuration can be deployed.");

function oversized(given: Variables): string[] {
  return Object.entries(given).flatMap(([name, value]) => {
    const bytes = Buffer.byteLength(typeof value === "string" ? value : JSON.stringify(value));
    if (!/^(RULES(_|$)|AUTH$)/.test(name) && bytes <= VARIABLE_LIMIT) return [];
    console.log(`  ${name}: ${bytes} of ${VARIABLE_LIMIT} bytes`);
    if (bytes <= VARIABLE_LIMIT) return [];
    const hint = name.startsWith("RULES") ? "; move rules into RULES_2" : "";
    return [`${name}: is ${bytes} bytes, and a variable holds at most ${VARIABLE_LIMIT}${hint}`];
  });
}

function unusable(given: Variables): string[] {
  const secrets = environment ? secretsOf(environment) : localSecrets();
  const changed = environment ? Object.entries(secrets).flatMap(changedByWrangler) : [];
  if (changed.length > 0) return changed;
  const known = { ...secrets, ...given };
  const short = OWN_SECRETS.flatMap((name) => {
    const length = secrets[name]?.length ?? 0;
    return length === 0 || length >= SHORTEST_SECRET
      ? []
      : [
          `${name}: must have at least ${SHORTEST_SECRET} characters; create one with npm run entrepot -- secret`,
        ];
  });
  if (short.length > 0) return short;
  try {
    const { auth, audit, rules, scanners, webhooks } = readConfig(known);
    console.log(`  AUTH: ${MODES[auth.mode]}`);
    if (audit)
      for (const line of auditSummary(audit, boundDatasets(environment))) console.log(line);
    for (const [name, bases] of Object.entries(readSecrets(given.SECRETS, [])))
      console.log(`  SECRETS: ${name} may go to ${bases.join(", ")}`);
    const warning = mirrorWarning(rules.map(({ rule }) => rule));
    if (warning !== undefined) console.log(`• ${warning}`);
    const unusableHooks = webhooks.flatMap(({ name, url, events, problem, secret }) => {
      console.log(`  WEBHOOKS: ${name} → ${withoutQueries(url)}, ${events.join(" ")}`);
      return problem ? secretProblem(known, secret, `webhook ${name}`, problem) : [];
    });
    const unusableScanners = scanners.flatMap((scanner) => {
      const { name, token, repositories = ["all images"] } = scanner;
      console.log(`  SCANNERS: ${name} may report on ${repositories.join(", ")}`);
      const problem = tokenProblem(known, scanner);
      return problem ? secretProblem(known, token, `scanner ${name}`, problem) : [];
    });
    const unusableRules = rules.flatMap(({ rule, problem, secret }) => {
      console.log(`  ${namesOf(rule)} → ${rule.upstream.base}`);
      for (const hint of hintsOf(rule)) console.log(`    ${hint}`);
      return problem ? secretProblem(known, secret, rule.name, problem) : [];
    });
    return [...unusableHooks, ...unusableScanners, ...unusableRules];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

/** Only a local secret can be checked here, not whether the deployment has it.
 * @param user names what needs the secret */
function secretProblem(
  known: Variables,
  secret: string | undefined,
  user: string,
  problem: string,
): string[] {
  if (secret && known[secret]) return [`${user}: ${problem}`];
  const put = `wrangler secret put ${secret}`;
  const there = environment ? problem.replace(put, `${put} --env ${environment}`) : problem;
  console.log(`    unless already done: ${there}`);
  return [];
}

/** `wrangler deploy --secrets-file`: "Dotenv values expand $VAR and ${VAR}; process environment values override file values." */
function changedByWrangler([name, value = ""]: [string, string | undefined]): string[] {
  const problems: string[] = [];
  if (/(?<!\\)\$/.test(value))
    problems.push(`${name}: contains $, which wrangler expands as a variable; write \\$`);
  if (process.env[name] !== undefined)
    problems.push(
      `${name}: is also set in this shell, and wrangler deploys that value instead of the file's; unset ${name}`,
    );
  return problems;
}
