// Evidence: what recent answers say of an upstream as a whole. The attack that this withstands: an identity that may pull `good/**`
// names any number of repositories that the upstream answers 500, 429 or not at all, and so takes the upstream from the others.
// Pure.

import { BACKGROUND } from "../../policy/requester.ts";

/** good: it answered. failed: at once, with a failure or by refusing the connection. silent: not in time. limited: 429. */
export type Outcome = "good" | "failed" | "silent" | "limited";

/** The last answer that one identity had for one repository. */
export interface Answer {
  /** In ms since the epoch. */
  at: number;
  by: string;
  /** "" for all lists together, which are slow or broken by themselves. */
  repository: string;
  outcome: Outcome;
}

/** Newest last. */
export type Evidence = readonly Answer[];

/** How long an answer counts, in ms: three waves of requests that each wait for the default `firstByteTimeout`. */
const WINDOW = 30_000;
/** Repositories that count of one identity: so few that five failures outvote what went well before an outage, and so many that one
 * broken name among many outvotes nothing. */
const PER_IDENTITY = 8;
/** Answers kept in all; 64 identities with all their repositories. */
const MAX_ANSWERS = 512;
/** Repositories that must fail: one or two are broken by themselves. */
const REPOSITORIES = 3;
/** Identities that must see it before the upstream rests for all: what one sees may be its own choice of names. */
const IDENTITIES = 2;

export function withAnswer(evidence: Evidence, answer: Answer): Evidence {
  const others = evidence.filter(
    ({ at, by, repository }) =>
      isRecent(at, answer.at) && !(by === answer.by && repository === answer.repository),
  );
  const own = others.filter(({ by }) => by === answer.by);
  const surplus = own.length >= PER_IDENTITY ? own[0] : undefined;
  return [...others.filter((one) => one !== surplus), answer].slice(-MAX_ANSWERS);
}

/** Whether an answer that went well would be news. */
export function hasFailures(evidence: Evidence, now: number): boolean {
  return evidence.some(({ at, outcome }) => outcome !== "good" && isRecent(at, now));
}

/** What this identity alone sees: that more than half of its repositories fail, and three at least. Undefined: it sees no outage. */
export function seenBy(
  evidence: Evidence,
  who: string,
  now: number,
): Exclude<Outcome, "good"> | undefined {
  const own = recent(evidence, now).filter(({ by }) => by === who);
  const failures = own.filter(({ outcome }) => outcome !== "good");
  if (failures.length < REPOSITORIES || !isMajority(failures.length, own.length)) return undefined;
  return kindOf(failures);
}

/** What all see: each identity has one vote, however many repositories it names. That background work fails is no vote: the names that it
 * checks behind answers are those that one identity may have chosen, which would then have two. */
export function seenByAll(evidence: Evidence, now: number): Exclude<Outcome, "good"> | undefined {
  const voices = [...Map.groupBy(recent(evidence, now), ({ by }) => by)].map(([by, own]) => ({
    by,
    failures: own.filter(({ outcome }) => outcome !== "good"),
    of: own.length,
  }));
  const complaints = voices.filter(
    ({ by, failures, of }) => by !== BACKGROUND && isMajority(failures.length, of),
  );
  const failures = complaints.flatMap((complaint) => complaint.failures);
  const repositories = new Set(failures.map(({ repository }) => repository));
  const heard = voices.filter(
    ({ by, failures, of }) => by !== BACKGROUND || !isMajority(failures.length, of),
  );
  if (complaints.length < IDENTITIES || !isMajority(complaints.length, heard.length))
    return undefined;
  return repositories.size < REPOSITORIES ? undefined : kindOf(failures);
}

function recent(evidence: Evidence, now: number): Answer[] {
  return evidence.filter(({ at }) => isRecent(at, now));
}

/** A clock that was set back must not make an answer count for longer. */
function isRecent(at: number, now: number): boolean {
  return Math.abs(now - at) < WINDOW;
}

function isMajority(count: number, of: number): boolean {
  return count * 2 > of;
}

/** The most careful kind that half of the failures are of. */
function kindOf(failures: readonly Answer[]): Exclude<Outcome, "good"> {
  const isHalf = (kind: Outcome) =>
    failures.filter(({ outcome }) => outcome === kind).length * 2 >= failures.length;
  if (isHalf("silent")) return "silent";
  return isHalf("limited") ? "limited" : "failed";
}
