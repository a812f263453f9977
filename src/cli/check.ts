// `npm run check`: says before a deployment whether its configuration can work. `-- --env NAME` for an environment.

import { ConfigError, readConfig } from "../config/read.ts";
import { deployedVariables, localSecrets, option, type Variables } from "./settings.ts";

/** Cloudflare's limit on the value of one variable, in bytes. */
const VARIABLE_LIMIT = 5 * 1024;

const environment = option(process.argv.slice(2), "env");
const variables = deployedVariables(environment);
const problems = [...oversized(variables), ...unusable(variables)];
for (const problem of problems) console.error(`✘ ${problem}`);
if (problems.length > 0) process.exit(1);
console.log("✔ The configuration can be deployed.");

function oversized(given: Variables): string[] {
  return Object.entries(given).flatMap(([name, value]) => {
    const bytes = Buffer.byteLength(typeof value === "string" ? value : JSON.stringify(value));
    if (!/^RULES(_|$)/.test(name) && bytes <= VARIABLE_LIMIT) return [];
    console.log(`  ${name}: ${bytes} of ${VARIABLE_LIMIT} bytes`);
    if (bytes <= VARIABLE_LIMIT) return [];
    return [
      `${name}: is ${bytes} bytes; a variable holds ${VARIABLE_LIMIT}. Move rules into RULES_2`,
    ];
  });
}

function unusable(given: Variables): string[] {
  try {
    const { rules } = readConfig({ ...localSecrets(), ...given });
    for (const { rule, problem } of rules) {
      console.log(`  ${rule.prefixes.join(", ")} → ${rule.upstream.base}`);
      // The deployment's secrets cannot be read from here; a local one that is malformed can.
      if (problem) console.log(`    if not done yet: ${problem}`);
    }
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}
