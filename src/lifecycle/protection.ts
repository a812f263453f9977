// Protection: what no rule of a policy may expire.

import type { Candidate } from "../catalog/sweep/candidate.ts";
import type { LifecyclePolicy } from "../config/lifecycle-policy.ts";
import { namePattern } from "../policy/glob.ts";

/** What protects a candidate: a pin, or a glob over its repository's name or one of its tags; undefined where nothing does. */
export function protectionOf(
  { protect }: LifecyclePolicy,
  names: (place: string) => readonly string[],
): (candidate: Candidate) => string | undefined {
  const globs = protect.map((glob) => ({ glob, ...namePattern(glob) }));
  return ({ place, tags, pinned }) => {
    if (pinned) return "pinned";
    const known = globs.length === 0 ? [] : names(place);
    const found = globs.find(({ name, tag }) => {
      return known.some(name) && (tag === undefined || tags.some(tag));
    });
    return found && `protected by "${found.glob}"`;
  };
}
