// Lifecycle policies, in ECR's grammar, so that a policy written for ECR can be pasted: which images expire. Beyond ECR: images may
// expire by their last pull, by the size of all together, and not at all where they are protected.

import { describe } from "./issues.ts";
import { parseJson } from "./json.ts";
import type { LifecyclePolicy } from "./lifecycle-policy.ts";
import { policySchema } from "./lifecycle-schema.ts";

/** Where nothing else is configured: a cache that only grows is a bill. */
export const DEFAULT_LIFECYCLE: LifecyclePolicy = {
  protect: [],
  rules: [
    {
      priority: 1,
      description: "what has not been pulled for 90 days",
      selection: { tagStatus: "any", countType: "sinceImagePulled", countNumber: 90 },
    },
  ],
};

/** One policy or a list of them, of which the first counts that speaks of a repository; or the text of that in JSON, as it is pasted
 * from ECR.
 * @param path that problems begin with */
export function parsePolicies(
  value: unknown,
  path: string,
): { policies: LifecyclePolicy[] } | { problems: string[] } {
  const parsed = parseJson(value);
  if ("problem" in parsed) return { problems: [`${path}: ${parsed.problem}`] };
  const { value: given } = parsed;
  if (typeof given !== "object" || given === null) {
    return {
      problems: [`${path}: must be a lifecycle policy, { "rules": [ … ] }, or a list of them`],
    };
  }
  const list: unknown[] = Array.isArray(given) ? given : [given];
  const read = list.map((policy, index) => {
    const parsed = policySchema.safeParse(policy);
    if (parsed.success) return { policies: [parsed.data], problems: [] };
    const base = Array.isArray(given) ? `${path}[${index}]` : path;
    const issues = parsed.error.issues;
    return {
      policies: [],
      problems: issues.flatMap((issue) => describe(base, issue, "a lifecycle policy")),
    };
  });
  const problems = read.flatMap((one) => one.problems);
  if (problems.length > 0) return { problems };
  return { policies: read.flatMap((one) => one.policies) };
}
