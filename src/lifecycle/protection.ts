// Protection: what no rule of a policy may expire.

import type { Candidate } from "../catalog/candidate.ts";
import type { LifecyclePolicy } from "../config/lifecycle.ts";
import { namePattern } from "../policy/glob.ts";

/** The glob that protects a candidate, by its repository's name or by one of its tags; undefined where none does. */
export function protectionOf(
  { protect }: LifecyclePolicy,
  names: (place: string) => readonly string[],
): (candidate: Candidate) => string | undefined {
  const globs = protect.map((glob) => ({ glob, ...namePattern(glob) }));
  if (globs.length === 0) return () => undefined;
  return ({ place, tags }) => {
    const known = names(place);
    return globs.find(({ name, tag }) => {
      return known.some(name) && (tag === undefined || tags.some(tag));
    })?.glob;
  };
}
