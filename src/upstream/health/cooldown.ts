// Cooldown: how failures add up to a pause, and how pauses grow.

import type { ErrorValue } from "../../oci/error.ts";
import type { Outcome } from "./evidence.ts";

export type Kind = Exclude<Outcome, "good">;

export interface Cooldown {
  /** Consecutive failures or refusals. */
  strikes: number;
  /** Identities that saw it, at most two: what a single one saw concerns that one only. Absent in what older versions
   * stored: it concerns all. */
  seenBy?: string[];
  /** End of the pause, in ms since the epoch; 0 while failures are only counted. */
  until: number;
  /** Time of the last failure: answers to earlier requests say nothing about the state since. */
  begunAt: number;
  /** Probes that were admitted and may be under way. */
  probes?: Probe[];
  /** End of the wait that the upstream itself asked for, in ms since the epoch. */
  retryAt: number;
  /** For GETs of manifests only. */
  pulls?: true;
  kind?: Kind;
  /** Time that clients waited in vain, in ms; set where a timeout was the cause. */
  missed?: number;
  /** The upstream's last error, for requests that are not admitted. */
  error: ErrorValue;
}

export interface Probe {
  by: string;
  /** In ms since the epoch. */
  at: number;
}

export interface Strike {
  kind: Kind;
  /** Consecutive failures that start a pause. */
  after: number;
  seen: { askedAt: number; by: string; missed?: number };
  error: ErrorValue;
  /** The upstream's Retry-After, in ms. */
  told?: number | undefined;
  pulls?: boolean;
  now: number;
  /** In [0, 1), for the jitter. */
  chance: number;
}

/** First pause in ms: in general, after a 429 without Retry-After, and after a timeout (most requests of one pull
 * come within that). Each following pause is twice as long, or as long as the upstream says. */
const FIRST_PAUSE = 1_000;
const LIMITED_PAUSE = 5_000;
const MISSED_PAUSE = 10_000;
/** Maximum pause in ms: a recovered upstream, or new credentials, are noticed within a minute. */
const MAX_PAUSE = 50_000;
/** Maximum random extension of a pause, as a fraction: Cloudflare locations must not all probe at once. */
const JITTER = 0.2;
/** Timeout of a probe in ms, after which another is admitted: its requester may be gone. */
const PROBE_TIMEOUT = 15_000;

export function strike(before: Cooldown | undefined, it: Strike): Cooldown {
  const { kind, after, seen, error, told, pulls, now, chance } = it;
  const seenBy = [...new Set([...(before?.seenBy ?? []), seen.by])].slice(0, 2);
  // Requests that were admitted before the last failure failed with it: simultaneous failures count as one.
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
  const pause = Math.min(wished, MAX_PAUSE) * (1 + JITTER * chance);
  const retryAt = now + Math.max(wished, pause);
  return { ...begun, until: now + pause, retryAt, ...(missed !== undefined && { missed }) };
}

function firstPause({ kind, told, seen }: Strike): number {
  if (seen.missed !== undefined) return MISSED_PAUSE;
  return kind === "limited" && told === undefined ? LIMITED_PAUSE : FIRST_PAUSE;
}

/** Older versions stored no kind. */
export function kindOf({ kind, error }: Cooldown): Kind {
  return kind ?? (error.status === 429 ? "limited" : "failed");
}

/** Whether the cooldown concerns this identity. */
export function concerns({ seenBy }: Cooldown, by: string): boolean {
  return seenBy?.length !== 1 || seenBy[0] === by;
}

/** Adds a probe; undefined where this identity has one under way, or `most` identities have. */
export function withProbe(
  cooldown: Cooldown,
  by: string,
  most: number,
  now: number,
): Cooldown | undefined {
  const alive = (cooldown.probes ?? []).filter(({ at }) => now - at < PROBE_TIMEOUT);
  if (alive.length >= most || alive.some((probe) => probe.by === by)) return undefined;
  return { ...cooldown, probes: [...alive, { by, at: now }] };
}

/** Removes a probe that was not sent, so that another may be admitted. */
export function withoutProbe(cooldown: Cooldown, by: string, at: number): Cooldown {
  const probes = (cooldown.probes ?? []).filter((probe) => probe.by !== by || probe.at !== at);
  return { ...cooldown, probes };
}
