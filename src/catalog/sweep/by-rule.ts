// Images, counted by the policy and the rule that expires them.

export interface RuleCount {
  /** Owner of the policy: the name of a configured rule, or "LIFECYCLE". */
  policy: string;
  /** The `rulePriority` of the policy's rule. */
  priority: number;
  images: number;
}

/** Adds to the counts of a policy's rule; rules are listed in order of first appearance. */
export function countByRule(
  counts: RuleCount[],
  { policy, priority }: Pick<RuleCount, "policy" | "priority">,
  images = 1,
): void {
  const known = counts.find((one) => one.policy === policy && one.priority === priority);
  if (known) known.images += images;
  else counts.push({ policy, priority, images });
}
