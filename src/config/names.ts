// Name conflicts among all rules, which make sure that one name never means two images.

import type { Rule } from "./rule.ts";

/** A rule with its path in the configuration, for messages: `RULES[2]`. */
export interface Placed {
  rule: Rule;
  path: string;
}

/** Names that two rules claim, and prefixes that would hide names of the default rule; each problem with its field's path. */
export function nameProblems(placed: readonly Placed[]): string[] {
  return [
    ...claimedTwice(placed, "prefix", ({ prefixes }) => prefixes),
    ...claimedTwice(placed, "host", ({ hosts, secretHosts }) => [...hosts, ...secretHosts]),
    ...claimedTwice(placed, "ns", ({ ns }) => ns),
    ...claimedTwice(placed, "default", (rule) => (rule.default ? ["default"] : [])),
    ...shadows(placed),
  ];
}

function claimedTwice(
  placed: readonly Placed[],
  field: string,
  claims: (rule: Rule) => readonly string[],
): string[] {
  const taken = new Map<string, string>();
  return placed.flatMap(({ rule, path }) =>
    claims(rule).flatMap((claim) => {
      const owner = taken.get(claim);
      taken.set(claim, owner ?? path);
      if (owner === undefined) return [];
      const isSecret = placed.some((one) => one.rule.secretHosts.includes(claim));
      const what = field === "default" ? "the default" : isSecret ? "this one" : `"${claim}"`;
      return [`${path}.${field}: ${what} is already taken by ${owner}`];
    }),
  );
}

/** Prefixes that could hide a namespace of the default rule. `gitlab/gitlab-runner` is an image of Docker Hub that a prefix `gitlab` would
 * silently hide; a prefix with a dot or a dash cannot, since no namespace of Docker Hub contains one. */
function shadows(placed: readonly Placed[]): string[] {
  const owner = placed.find(({ rule }) => rule.default);
  if (!owner) return [];
  return placed.flatMap(({ rule, path }) => {
    if (rule.shadow) return [];
    return rule.prefixes
      .filter((prefix) => !/[.-]/.test(prefix.split("/")[0] as string))
      .map(
        (prefix) =>
          `${path}.prefix: "${prefix}" could hide a namespace of that name of the default rule, ${owner.path}: use a prefix with a dot or a dash ("${prefix}-images"), or set shadow = true`,
      );
  });
}

/** All names of a rule, for display. */
export function namesOf(rule: Rule): string {
  return [
    ...rule.prefixes,
    ...rule.hosts.map((host) => `host ${host}`),
    ...rule.secretHosts.map(() => "a secret host"),
    ...rule.ns.map((registry) => `ns ${registry}`),
    ...(rule.default ? ["names without a prefix"] : []),
  ].join(", ");
}
