// LIFECYCLE: policies that expire images, in ECR's grammar, so that an ECR policy can be pasted. Extensions: expiry by last pull, by total
// size, and protected images.

import { describe } from "./issues.ts";
import { parseJson } from "./json.ts";
import type { LifecyclePolicy } from "./lifecycle-policy.ts";
import { policySchema } from "./lifecycle-schema.ts";

/** The policy if none is configured, which bounds the storage bill. */
export const DEFAULT_LIFECYCLE: LifecyclePolicy = {
  protect: [],
  rules: [
    {
      priority: 1,
      selection: { tagStatus: "any", countType: "sinceImagePulled", countNumber: 90 },
    },
  ],
};

/** Parses one policy or a list, of which the first that matches a repository applies; or the same as JSON text, as pasted from ECR.
 * @param path the prefix of problems */
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
