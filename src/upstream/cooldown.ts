// A cooldown: how failures add up to a pause, and how pauses grow.

import type { ErrorValue } from "../oci/error.ts";

export interface Cooldown {
  /** How often in a row the upstream failed or refused. */
  strikes: number;
  /** Which repositories that was seen at, three at most. */
  seenAt: string[];
  /** Not asked before that, in ms since the epoch; 0 while strikes are only counted. */
  until: number;
  /** When the last strike was: what was asked before says nothing of how things are now. */
  begunAt: number;
  /** When a probe was let through; 0 while there is none. */
  probedAt: number;
  /** When the upstream itself said that it may be asked again. */
  retryAt: number;
  /** Clients waited for so long in vain, in ms, if that is what it is for. */
  missed?: number;
  /** What the upstream said, for whoever is not let through. */
  error: ErrorValue;
}

export interface Strike {
  /** limited: a 429. Else one failure, as a strike at the upstream as a whole, or at the repository. */
  kind: "limited" | "upstream" | "repository";
  seen: { askedAt: number; repository?: string; missed?: number };
  error: ErrorValue;
  /** In ms, as the upstream said. */
  told?: number | undefined;
  now: number;
  /** In [0, 1), for the jitter. */
  chance: number;
}

/** So many failures in a row begin a pause: fewer are hiccups. */
const FAILURES = 3;
/** And at the upstream as a whole, in so many repositories: one that is broken is not the upstream. */
const REPOSITORIES = 2;
/** The first pause, in ms; after a 429 that does not say for how long, and after a missed deadline: most requests of a pull come
 * within that. Each next one is twice as long, or as long as the upstream says. */
const PAUSE = 1_000;
const LIMITED_PAUSE = 5_000;
const MISSED_PAUSE = 10_000;
/** The longest, in ms: an upstream that recovers, and credentials that are new, are noticed within a minute. */
const LONGEST_PAUSE = 50_000;
/** How much longer, by chance, a pause is at most: so that many places do not probe together. */
const JITTER = 0.2;

export function strike(before: Cooldown | undefined, it: Strike): Cooldown {
  const { kind, seen, error, told, now, chance } = it;
  // Those that were let through before the last strike failed with it: many at once are one.
  if (before && (now < before.until || seen.askedAt < before.begunAt)) return { ...before, error };
  const strikes = (before?.strikes ?? 0) + 1;
  const seenAt = [...new Set([...(before?.seenAt ?? []), seen.repository ?? ""])].slice(-3);
  const missed = kind === "repository" ? seen.missed : undefined;
  const begun: Cooldown = {
    strikes,
    seenAt,
    until: 0,
    begunAt: now,
    probedAt: 0,
    retryAt: 0,
    error,
  };
  const first = kind === "limited" || missed !== undefined ? 1 : FAILURES;
  const enough =
    kind === "upstream" ? strikes >= first && seenAt.length >= REPOSITORIES : strikes >= first;
  if (!enough && told === undefined) return begun;
  const wished = Math.max(told ?? 0, firstPause(it, missed) * 2 ** Math.max(0, strikes - first));
  const pause = Math.min(wished, LONGEST_PAUSE) * (1 + JITTER * chance);
  const retryAt = now + Math.max(wished, pause);
  return { ...begun, until: now + pause, retryAt, ...(missed !== undefined && { missed }) };
}

function firstPause({ kind, told }: Strike, missed: number | undefined): number {
  if (missed !== undefined) return MISSED_PAUSE;
  return kind === "limited" && told === undefined ? LIMITED_PAUSE : PAUSE;
}
