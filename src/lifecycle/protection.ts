// Protection: images that no rule of a policy may expire.

import type { Candidate } from "../catalog/sweep/candidate.ts";
import type { LifecyclePolicy } from "../config/lifecycle-policy.ts";
import { namePattern } from "../policy/glob.ts";

/** The reason a candidate is protected, which is a pin or a glob that matches its repository or one of its tags; undefined if
 * nothing protects it. */
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
