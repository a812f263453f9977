// Images, counted by the policy and the rule that expires them.

export interface RuleCount {
  /** Whose policy it is: the name of a rule of the configuration, or "LIFECYCLE". */
  policy: string;
  /** The `rulePriority` of the policy's rule. */
  priority: number;
  images: number;
}

/** Adds to a list of counts, in the order in which the rules came first. */
export function countByRule(
  counts: RuleCount[],
  { policy, priority }: Pick<RuleCount, "policy" | "priority">,
  images = 1,
): void {
  const known = counts.find((one) => one.policy === policy && one.priority === priority);
  if (known) known.images += images;
  else counts.push({ policy, priority, images });
}
