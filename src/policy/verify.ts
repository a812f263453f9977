// Verification entry: which entry of a rule's `verify` decides for a repository. Pure.

import type { VerifyEntry } from "../config/verify.ts";
import { namesOf } from "./allowed.ts";
import { globMatcher } from "./glob.ts";
import type { Source } from "./source.ts";

/** The first entry whose `images` match; "pass" where the rule looks at no signature of this repository, "refuse" where the rule refuses
 * what no entry matches. */
export function entryFor(source: Source): VerifyEntry | "pass" | "refuse" {
  const { verify } = source.rule;
  if (!verify) return "pass";
  const names = namesOf(source);
  const entry = verify.entries.find(({ images }) =>
    images.some((glob) => names.some(globMatcher(glob))),
  );
  return entry ?? verify.unmatched;
}
