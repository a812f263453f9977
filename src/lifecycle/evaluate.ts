// Evaluation: which of these candidates a policy expires, and why. Pure, and exactly ECR's semantics ("Lifecycle policy evaluation
// rules"): all rules look at all images, and are then applied from the lowest priority number on.

import type { Candidate } from "../catalog/sweep/candidate.ts";
import type { LifecyclePolicy } from "../config/lifecycle-policy.ts";
import { chosenBy, type Verdict } from "./counting.ts";
import { protectionOf } from "./protection.ts";
import { matcherOf } from "./tag-status.ts";

export type Decision<C extends Candidate = Candidate> =
  | { candidate: C; action: "expire"; priority: number; reason: string }
  | { candidate: C; action: "keep"; reason: string };

/** One decision a candidate, in their order. What is counted per repository is counted per place; sizes are counted over all.
 * @param now in ms since the epoch
 * @param names by which globs may mean the repository of a place */
export function evaluate<C extends Candidate>(
  policy: LifecyclePolicy,
  candidates: readonly C[],
  now: number,
  names: (place: string) => readonly string[],
): Decision<C>[] {
  const rules = policy.rules.map((rule) => ({ rule, matches: matcherOf(rule.selection) }));
  // The only rule that may expire an image is the first that it matches: "An image that matches the tagging requirements of a rule
  // cannot be expired by a rule with a lower priority."
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
          : "no rule speaks of it";
    return { candidate, action: "keep", reason };
  });
}

/** Whether candidates are to come with their parts, and those of all places together. */
export function countsSizes({ rules }: LifecyclePolicy): boolean {
  return rules.some(({ selection }) => selection.countType === "totalSizeMoreThan");
}
