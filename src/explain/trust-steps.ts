// Steps of trust: the allowance (break-glass) of the digest. Pure.

import type { Source } from "../policy/source.ts";
import { allowanceFor } from "../policy/trust.ts";
import type { Facts } from "./facts.ts";
import { type Step, step } from "./steps.ts";
import { short } from "./words.ts";

export function allowanceSteps({ allowance, digest, now }: Facts, { rule }: Source): Step[] {
  if (!allowance || !digest) return [];
  const { until, who, confirmedBy, reason } = allowance;
  const people = confirmedBy === undefined ? who : `${who}, confirmed by ${confirmedBy}`;
  const text = `${short(digest)} is allowed until ${new Date(until).toISOString()} by ${people}: ${reason}`;
  const counts = allowanceFor(
    new Map([[digest, allowance]]),
    digest,
    rule.allowancePeople ?? 1,
    now,
  );
  if (counts)
    return [
      step(
        "trust",
        "careful",
        `${text}; it passes the checks of age, signature and vulnerabilities`,
      ),
    ];
  return [
    step(
      "trust",
      "careful",
      `${text}; without effect until a second person confirms it (allowancePeople = 2)`,
    ),
  ];
}
