// A cooldown: how failures add up to a pause, and how pauses grow.

import type { ErrorValue } from "../../oci/error.ts";
import type { Outcome } from "./evidence.ts";

export type Kind = Exclude<Outcome, "good">;

export interface Cooldown {
  /** How often in a row the upstream failed or refused. */
  strikes: number;
  /** Identities that saw it, two at most: what one alone has seen concerns that one. Without it (as older versions stored it), all. */
  seenBy?: string[];
  /** Not asked before that, in ms since the epoch; 0 while strikes are only counted. */
  until: number;
  /** When the last strike was: what was asked before says nothing of how things are now. */
  begunAt: number;
  /** Probes that were let through, and may be under way. */
  probes?: Probe[];
  /** When the upstream itself said that it may be asked again. */
  retryAt: number;
  /** Of manifest GETs alone. */
  pulls?: true;
  kind?: Kind;
  /** Clients waited for so long in vain, in ms, if that is what it is for. */
  missed?: number;
  /** What the upstream said, for whoever is not let through. */
  error: ErrorValue;
}

export interface Probe {
  by: string;
  /** In ms since the epoch. */
  at: number;
}

export interface Strike {
  kind: Kind;
  /** Failures in a row that begin a pause. */
  after: number;
  seen: { askedAt: number; by: string; missed?: number };
  error: ErrorValue;
  /** In ms, as the upstream said. */
  told?: number | undefined;
  pulls?: boolean;
  now: number;
  /** In [0, 1), for the jitter. */
  chance: number;
}

/** The first pause, in ms; after a 429 that does not say for how long, and after a missed deadline: most requests of a pull come
 * within that. Each next one is twice as long, or as long as the upstream says. */
const PAUSE = 1_000;
const LIMITED_PAUSE = 5_000;
const MISSED_PAUSE = 10_000;
/** The longest, in ms: an upstream that recovers, and credentials that are new, are noticed within a minute. */
const LONGEST_PAUSE = 50_000;
/** How much longer, by chance, a pause is at most: so that many places do not probe together. */
const JITTER = 0.2;
/** How long a probe may take, in ms, before another is let through: its requester may be gone. */
const PROBE_PATIENCE = 15_000;

export function strike(before: Cooldown | undefined, it: Strike): Cooldown {
  const { kind, after, seen, error, told, pulls, now, chance } = it;
  const seenBy = [...new Set([...(before?.seenBy ?? []), seen.by])].slice(0, 2);
  // Those that were let through before the last strike failed with it: many at once are one.
  if (before && (now < before.until || seen.askedAt < before.begunAt))
    return { ...before, error, ...(before.seenBy && { seenBy }) };
  const strikes = (before?.strikes ?? 0) + 1;
  const { missed } = seen;
  const begun: Cooldown = {
    strikes,
    seenBy,
    until: 0,
    begunAt: now,
    retryAt: 0,
    kind,
    ...(pulls && { pulls }),
    error,
  };
  const first = missed !== undefined ? 1 : after;
  if (strikes < first && told === undefined) return begun;
  const wished = Math.max(told ?? 0, firstPause(it) * 2 ** Math.max(0, strikes - first));
  const pause = Math.min(wished, LONGEST_PAUSE) * (1 + JITTER * chance);
  const retryAt = now + Math.max(wished, pause);
  return { ...begun, until: now + pause, retryAt, ...(missed !== undefined && { missed }) };
}

function firstPause({ kind, told, seen }: Strike): number {
  if (seen.missed !== undefined) return MISSED_PAUSE;
  return kind === "limited" && told === undefined ? LIMITED_PAUSE : PAUSE;
}

/** Older versions stored no kind. */
export function kindOf({ kind, error }: Cooldown): Kind {
  return kind ?? (error.status === 429 ? "limited" : "failed");
}

/** Whether it concerns this identity. */
export function concerns({ seenBy }: Cooldown, by: string): boolean {
  return seenBy?.length !== 1 || seenBy[0] === by;
}

/** With one more probe; undefined where this identity has one under way, or `most` identities have. */
export function withProbe(
  cooldown: Cooldown,
  by: string,
  most: number,
  now: number,
): Cooldown | undefined {
  const alive = (cooldown.probes ?? []).filter(({ at }) => now - at < PROBE_PATIENCE);
  if (alive.length >= most || alive.some((probe) => probe.by === by)) return undefined;
  return { ...cooldown, probes: [...alive, { by, at: now }] };
}

/** A probe that came to nothing: another may go. */
export function withoutProbe(cooldown: Cooldown, by: string, at: number): Cooldown {
  const probes = (cooldown.probes ?? []).filter((probe) => probe.by !== by || probe.at !== at);
  return { ...cooldown, probes };
}
