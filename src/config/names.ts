// Names over all rules: what each rule claims, so that one name never means two images.

import type { Rule } from "./rule.ts";

/** Where a rule stands in the configuration, for messages: `RULES[2]`. */
export interface Placed {
  rule: Rule;
  path: string;
}

/** What two rules claim both, and what a default rule's names would be hidden by; each with its field's path. */
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
      return [`${path}.${field}: ${what} is taken already, by ${owner}`];
    }),
  );
}

/** Names without a prefix are the default rule's: `gitlab/gitlab-runner` is an image of Docker Hub. A prefix `gitlab`
 * would take it away, silently; one with a dot or a dash cannot, since no namespace there has one. */
function shadows(placed: readonly Placed[]): string[] {
  const owner = placed.find(({ rule }) => rule.default);
  if (!owner) return [];
  return placed.flatMap(({ rule, path }) => {
    if (rule.shadow) return [];
    return rule.prefixes
      .filter((prefix) => !/[.-]/.test(prefix.split("/")[0] as string))
      .map(
        (prefix) =>
          `${path}.prefix: "${prefix}" could hide a namespace of that name from ${owner.path}, which is the default: give it a dot or a dash ("${prefix}-images"), or say shadow = true`,
      );
  });
}

/** In how many ways a rule can be named, for people. */
export function namesOf(rule: Rule): string {
  return [
    ...rule.prefixes,
    ...rule.hosts.map((host) => `host ${host}`),
    ...rule.secretHosts.map(() => "a secret host"),
    ...rule.ns.map((registry) => `ns ${registry}`),
    ...(rule.default ? ["names without a prefix"] : []),
  ].join(", ");
}
