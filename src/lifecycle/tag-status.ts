// A rule's tagging requirements: its tag status, and its list of prefixes or patterns.

import type { Candidate } from "../catalog/candidate.ts";
import type { Selection } from "../config/lifecycle.ts";

type Matches = (candidate: Pick<Candidate, "tags">) => boolean;

export function matcherOf(selection: Selection): Matches {
  if (selection.tagStatus !== "tagged")
    return selection.tagStatus === "any" ? () => true : ({ tags }) => tags.length === 0;
  const entries =
    "tagPrefixList" in selection
      ? selection.tagPrefixList.map((prefix) => (tag: string) => tag.startsWith(prefix))
      : selection.tagPatternList.map(wildcards);
  // "If you specify multiple tags, only images with all specified tags are selected."
  return ({ tags }) => entries.every((matches) => tags.some(matches));
}

/** `*` stands for any characters, or none. */
function wildcards(pattern: string): (tag: string) => boolean {
  const [first = "", ...rest] = pattern.split("*");
  const last = rest.pop();
  if (last === undefined) return (tag) => tag === pattern;
  return (tag) => {
    if (!tag.startsWith(first)) return false;
    let from = first.length;
    for (const part of rest) {
      const at = tag.indexOf(part, from);
      if (at < 0) return false;
      from = at + part.length;
    }
    return tag.length - last.length >= from && tag.endsWith(last);
  };
}
