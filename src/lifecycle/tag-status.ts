// Tagging requirements of a policy rule: its tag status, and its list of prefixes or patterns.

import type { Candidate } from "../catalog/sweep/candidate.ts";
import type { Selection } from "../config/lifecycle-policy.ts";
import { spend } from "../policy/steps.ts";
import { wildcard } from "../policy/wildcard.ts";

type Matches = (candidate: Pick<Candidate, "tags">) => boolean;

export function matcherOf(selection: Selection): Matches {
  if (selection.tagStatus !== "tagged")
    return selection.tagStatus === "any" ? () => true : ({ tags }) => tags.length === 0;
  const entries =
    "tagPrefixList" in selection
      ? selection.tagPrefixList.map((prefix) => (tag: string) => tag.startsWith(prefix))
      : selection.tagPatternList.map(wildcard);
  // "If you specify multiple tags, only images with all specified tags are selected."
  return ({ tags }) => {
    spend(tags.length + 1);
    return entries.every((matches) => tags.some(matches));
  };
}
