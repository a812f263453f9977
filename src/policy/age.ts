// Minimum age: decides which digest of a tag a rule serves. A tag that moves keeps the digest that it was last seen to mean for long
// enough, until it was seen to mean the new one for as long. Pure.

import type { MinimumAge } from "../config/age-fields.ts";
import type { Digest } from "../oci/digest.ts";
import { namesOf } from "./allowed.ts";
import { matchesTag, namePattern } from "./glob.ts";
import { pushTimesOf } from "./push-times.ts";
import type { Sighting } from "./sightings.ts";
import type { Source } from "./source.ts";
import { type Allowance, isAllowed } from "./trust.ts";

/** What is known of a tag, as far as its age depends on it. */
interface Known {
  digest: Digest;
  /** The last check that confirmed the digest, in ms since the epoch. */
  checkedAt: number;
  seen?: readonly Sighting[];
  moves?: readonly number[];
}

/** A tag whose digest is too young. Times are in ms since the epoch. */
export interface Hold {
  /** The digest that is served instead; undefined if none was ever seen for long enough. */
  accepted?: Digest;
  /** The digest that the tag means at the upstream. */
  candidate: Digest;
  /** When the candidate was first seen. */
  since: number;
  /** When it will be old enough, if a check then confirms it; undefined if the upstream has deleted the tag meanwhile. */
  until?: number;
  /** How often the tag moved within the rule's minimum age. */
  moves: number;
}

export type AgeVerdict =
  | { is: "passed" }
  | { is: "held"; hold: Hold }
  /** Not known yet: when the tag's digest was first seen, or when the registry says that it was pushed. The tag's object finds out. */
  | { is: "open"; lacks: "history" | "push time" };

const PASSED: AgeVerdict = { is: "passed" };

/** What a tag must satisfy under the source's rule; undefined if it has no minimum age. */
export function minimumAgeFor(source: Source, tag: string): MinimumAge | undefined {
  const { minimumAge } = source.rule;
  if (!minimumAge) return undefined;
  if (minimumAge.except.length === 0) return minimumAge;
  const names = namesOf(source);
  const isExcepted = minimumAge.except.some((glob) =>
    glob.includes(":") ? matchesTag(glob, names, tag) : names.some(namePattern(glob).name),
  );
  return isExcepted ? undefined : minimumAge;
}

/** @param now in ms since the epoch */
export function verdictOf(known: Known, source: Source, tag: string, now: number): AgeVerdict {
  const minimum = minimumAgeFor(source, tag);
  if (!minimum) return PASSED;
  return ageVerdict(known, minimum, pushTimesOf(source.rule) !== undefined, now);
}

/** The verdict, which an allowance of the tag's digest passes, and the digest that the tag means here. */
export function agedBy(
  allowances: readonly Allowance[],
  known: Known,
  { source, tag }: { source: Source; tag: string },
  now: number,
): { age: AgeVerdict; meant: Digest } {
  const own = new Map(allowances.map((one) => [one.digest, one]));
  const passes = isAllowed(source.rule, known.digest, { allowances: own, now });
  const age = passes ? PASSED : verdictOf(known, source, tag, now);
  return { age, meant: meantDigest(source, tag, known.digest, age) };
}

/** @param tellsPushTimes whether the upstream is a registry that says when a tag was pushed
 * @param now in ms since the epoch */
export function ageVerdict(
  known: Known,
  minimum: MinimumAge,
  tellsPushTimes: boolean,
  now: number,
): AgeVerdict {
  const { digest, seen = [] } = known;
  const candidate = seen.at(-1);
  // An earlier version keeps no history; one that moved the tag has left it at another digest.
  if (candidate?.digest !== digest) return { is: "open", lacks: "history" };
  const accepted = seen.findLast((one, at) => isAccepted(one, at, known, minimum, now))?.digest;
  if (accepted === digest) return PASSED;
  const isFirst = seen.length === 1 && candidate.until === undefined;
  const asksRegistry = minimum.first === "registry" && tellsPushTimes && isFirst;
  if (accepted === undefined && asksRegistry && candidate.pushedAt === undefined)
    return { is: "open", lacks: "push time" };
  return { is: "held", hold: holdOf(known, minimum, now, accepted) };
}

/** What a tag is held by while it lacks a push time: its own tenure alone. */
export function holdOf(
  { digest, checkedAt, seen = [], moves = [] }: Known,
  { age, first }: MinimumAge,
  now: number,
  accepted?: Digest,
): Hold {
  const candidate = seen.at(-1) ?? { digest, since: checkedAt };
  const isFirst = first === "registry" && seen.length === 1;
  const from = isFirst ? startOf(candidate) : candidate.since;
  return {
    ...(accepted !== undefined && { accepted }),
    candidate: digest,
    since: candidate.since,
    ...(candidate.until === undefined && { until: from + age }),
    moves: moves.filter((at) => at > now - age).length,
  };
}

/** The digest that the tag means here: the older one while it is held. */
function meantDigest(source: Source, tag: string, digest: Digest, verdict: AgeVerdict): Digest {
  const isEnforced = minimumAgeFor(source, tag)?.mode === "enforce";
  const accepted = verdict.is === "held" ? verdict.hold.accepted : undefined;
  return isEnforced && accepted !== undefined ? accepted : digest;
}

/** Whether the hold may be over: its time has come, and no check since then has confirmed the candidate. */
export function isDue(verdict: AgeVerdict, now: number): boolean {
  if (verdict.is === "open") return true;
  return verdict.is === "held" && verdict.hold.until !== undefined && verdict.hold.until <= now;
}

/** Time counts up to the last check that confirmed the digest, never up to now: what is not looked at does not grow older. */
function isAccepted(
  one: Sighting,
  at: number,
  { checkedAt }: Known,
  { age, first }: MinimumAge,
  now: number,
): boolean {
  if (one.exempt) return true;
  const end = one.until ?? checkedAt;
  if (end - one.since >= age) return true;
  if (one.released && one.released.until > now) return true;
  if (at > 0 || first === "refuse") return false;
  return first === "serve" || (one.pushedAt !== undefined && end - startOf(one) >= age);
}

function startOf({ since, pushedAt = since }: Sighting): number {
  return Math.min(since, pushedAt);
}
