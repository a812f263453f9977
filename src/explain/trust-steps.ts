// Steps of trust: the allowance (break-glass) of the digest. Pure.

import type { Source } from "../policy/source.ts";
import { isAllowed } from "../policy/trust.ts";
import type { Facts } from "./facts.ts";
import { type Step, step } from "./steps.ts";
import { short } from "./words.ts";

/** Whether an allowance lets the digest pass. */
export function isDigestAllowed({ allowance, digest, now }: Facts, { rule }: Source): boolean {
  if (!allowance || !digest) return false;
  return isAllowed(rule, digest, { allowances: new Map([[digest, allowance]]), now });
}

export function allowanceSteps(facts: Facts, source: Source): Step[] {
  const { allowance, digest } = facts;
  if (!allowance || !digest) return [];
  const { until, who, confirmedBy, reason } = allowance;
  const people = confirmedBy === undefined ? who : `${who}, confirmed by ${confirmedBy}`;
  const text = `${short(digest)} is allowed until ${new Date(until).toISOString()} by ${people}: ${reason}`;
  const effect = isDigestAllowed(facts, source)
    ? "it passes the checks of age, signature and vulnerabilities"
    : "without effect until a second person confirms it (allowancePeople = 2)";
  return [step("trust", "careful", `${text}; ${effect}`)];
}
