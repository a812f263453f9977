// Evaluation: decides which candidates a policy expires, and why. Pure, with exactly ECR's semantics ("Lifecycle policy
// evaluation rules"): all rules evaluate all images and are then applied from the lowest priority number on.

import type { Candidate } from "../catalog/sweep/candidate.ts";
import type { LifecyclePolicy } from "../config/lifecycle-policy.ts";
import { chosenBy, type Verdict } from "./counting.ts";
import { protectionOf } from "./protection.ts";
import { matcherOf } from "./tag-status.ts";

export type Decision<C extends Candidate = Candidate> =
  | { candidate: C; action: "expire"; priority: number; reason: string }
  | { candidate: C; action: "keep"; reason: string };

/** Returns one decision per candidate, in their order. Counts are per place, sizes over all places. `now` is in ms since the
 * epoch; `names` returns the names by which globs may match a place's repository. */
export function evaluate<C extends Candidate>(
  policy: LifecyclePolicy,
  candidates: readonly C[],
  now: number,
  names: (place: string) => readonly string[],
): Decision<C>[] {
  const rules = policy.rules.map((rule) => ({ rule, matches: matcherOf(rule.selection) }));
  // Only the first rule that matches an image may expire it: "An image that matches the tagging requirements of a rule cannot be
  // expired by a rule with a lower priority."
  const deciding = candidates.map((one) => rules.find(({ matches }) => matches(one))?.rule);
  const protectedBy = protectionOf(policy, names);
  const protections = candidates.map(protectedBy);
  const expired = new Map<C, Verdict & { priority: number }>();
  for (const { rule, matches } of rules) {
    const matching = candidates.flatMap((candidate, index) => {
      if (!matches(candidate)) return [];
      const mayExpire = deciding[index] === rule && protections[index] === undefined;
      return [{ candidate, mayExpire, isExpired: expired.has(candidate) }];
    });
    for (const verdict of chosenBy(rule.selection, matching, now)) {
      const { candidate } = verdict;
      expired.set(candidate, { ...verdict, priority: rule.priority });
    }
  }
  return candidates.map((candidate, index): Decision<C> => {
    const verdict = expired.get(candidate);
    if (verdict) {
      const { priority, reason } = verdict;
      return { candidate, action: "expire", priority, reason };
    }
    const protection = protections[index];
    const keeper = deciding[index];
    const reason =
      protection !== undefined
        ? protection
        : keeper
          ? `rule ${keeper.priority} keeps it`
          : "no rule matches it";
    return { candidate, action: "keep", reason };
  });
}

/** Whether candidates must carry their parts and be evaluated across all places. */
export function countsSizes({ rules }: LifecyclePolicy): boolean {
  return rules.some(({ selection }) => selection.countType === "totalSizeMoreThan");
}
