// Configurations for the tests of the door: what is read, and what is complained about.

import { type Config, ConfigError, readConfig } from "../../src/config/read.ts";
import type { Rule } from "../../src/config/rule.ts";

export const GOOD = { prefix: "p", upstream: "registry.example.com" };

/** The rule that these fields, put over a good one's, make. */
export function ruleOf(fields: object): Rule {
  const { rules } = readConfig({ RULES: [{ ...GOOD, ...fields }] });
  return (rules[0] as Config["rules"][0]).rule;
}

/** What is wrong with it; empty where it can be used. */
export function problemsOf(variables: Record<string, unknown>): string[] {
  try {
    readConfig(variables);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}
