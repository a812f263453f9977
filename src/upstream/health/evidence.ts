// Evidence: what recent answers say about an upstream as a whole. The attack: an identity that may pull `good/**` names
// any number of repositories for which the upstream answers 500, 429 or not at all, to block the upstream for the
// others. Pure.

import { BACKGROUND } from "../../policy/requester.ts";

/** `good`: answered. `failed`: an immediate error, or connection refused. `silent`: timed out. `limited`: 429. */
export type Outcome = "good" | "failed" | "silent" | "limited";

/** The last answer to one identity for one repository. */
export interface Answer {
  /** In ms since the epoch. */
  at: number;
  by: string;
  /** "" for all lists together, which may be slow or broken on their own. */
  repository: string;
  outcome: Outcome;
}

/** Oldest first. */
export type Evidence = readonly Answer[];

/** How long an answer counts, in ms: three waves of requests that each wait for the default `firstByteTimeout`. */
const EVIDENCE_TIME = 30_000;
/** Maximum number of repositories that count for one identity: so few that five failures outvote the successes before
 * an outage, so many that one broken name among many does not. */
const MAX_PER_IDENTITY = 8;
/** Maximum number of answers: 64 identities with all their repositories. */
const MAX_ANSWERS = 512;
/** Minimum number of failing repositories: one or two may be broken on their own. */
const MIN_REPOSITORIES = 3;
/** Minimum number of identities that see an outage before the upstream is paused for all: what one sees may depend on
 * the names that it chooses. */
const MIN_IDENTITIES = 2;

export function withAnswer(evidence: Evidence, answer: Answer): Evidence {
  const others = evidence.filter(
    ({ at, by, repository }) =>
      isRecent(at, answer.at) && !(by === answer.by && repository === answer.repository),
  );
  const own = others.filter(({ by }) => by === answer.by);
  const surplus = own.length >= MAX_PER_IDENTITY ? own[0] : undefined;
  return [...others.filter((one) => one !== surplus), answer].slice(-MAX_ANSWERS);
}

/** Whether a good answer would be recorded. */
export function hasFailures(evidence: Evidence, now: number): boolean {
  return evidence.some(({ at, outcome }) => outcome !== "good" && isRecent(at, now));
}

/** The outage that this identity sees: at least three of its repositories fail, and more than half. Undefined: none. */
export function outageSeenBy(
  evidence: Evidence,
  who: string,
  now: number,
): Exclude<Outcome, "good"> | undefined {
  const own = recent(evidence, now).filter(({ by }) => by === who);
  const failures = own.filter(({ outcome }) => outcome !== "good");
  if (failures.length < MIN_REPOSITORIES || !isMajority(failures.length, own.length))
    return undefined;
  return kindOf(failures);
}

/** The outage that all identities see: each has one vote, however many repositories it names. Failures of background
 * work are no vote: it checks names that one identity may have chosen, which would then vote twice. */
export function outageSeenByAll(
  evidence: Evidence,
  now: number,
): Exclude<Outcome, "good"> | undefined {
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
  if (complaints.length < MIN_IDENTITIES || !isMajority(complaints.length, heard.length))
    return undefined;
  return repositories.size < MIN_REPOSITORIES ? undefined : kindOf(failures);
}

function recent(evidence: Evidence, now: number): Answer[] {
  return evidence.filter(({ at }) => isRecent(at, now));
}

/** Absolute difference: a clock that was set back must not make an answer count for longer. */
function isRecent(at: number, now: number): boolean {
  return Math.abs(now - at) < EVIDENCE_TIME;
}

function isMajority(count: number, of: number): boolean {
  return count * 2 > of;
}

/** The most cautious kind that applies to at least half of the failures. */
function kindOf(failures: readonly Answer[]): Exclude<Outcome, "good"> {
  const isHalf = (kind: Outcome) =>
    failures.filter(({ outcome }) => outcome === kind).length * 2 >= failures.length;
  if (isHalf("silent")) return "silent";
  return isHalf("limited") ? "limited" : "failed";
}
