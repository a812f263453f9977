// Health: whether an upstream is to be asked now. After a 429 or repeated failures it is left alone for a while, then one
// probe is let through, and its answer decides. Pure: what was, what happened and when make what is.

import { type ErrorValue, RegistryError } from "../oci/error.ts";
import type { Budget } from "./limit.ts";

export interface Cooldown {
  /** How often in a row the upstream failed or refused. */
  strikes: number;
  /** Not asked before that, in ms since the epoch; 0 while strikes are only counted. */
  until: number;
  /** When it began: what was asked before says nothing of how things are now. */
  begunAt: number;
  /** When a probe was let through; 0 while there is none. */
  probedAt: number;
  /** When the upstream itself said that it may be asked again. */
  retryAt: number;
  /** What the upstream said, for whoever is not let through. */
  error: ErrorValue;
}

export interface Health {
  /** Of all requests. */
  all?: Cooldown;
  /** Of manifest GETs alone: Docker Hub limits those, and goes on answering HEAD. */
  pulls?: Cooldown;
  budget?: Budget;
}

/** What somebody wants to ask. */
export interface Use {
  /** A manifest's GET: what registries count as a pull. */
  pull: boolean;
  /** Nobody waits for it. */
  background: boolean;
  /** How many pulls background work leaves to clients. */
  reserve: number;
}

/** What came of a request. */
export interface Seen {
  /** When it was let through, in ms since the epoch. */
  askedAt: number;
  /** Asked for a manifest: those answers tell of the limit on pulls. */
  manifest: boolean;
  pull: boolean;
  /** The upstream's failure, or its 429; undefined when it answered, be it with a 404. */
  error?: ErrorValue;
  /** It gave what was asked for: only that tells of a limit by not telling of one. */
  gave?: boolean;
  /** In ms, as the upstream said. */
  retryAfter?: number;
  budget?: Budget;
}

/** So many failures in a row begin a cooldown: fewer are hiccups. */
const FAILURES = 3;
/** The first pause, in ms; after a 429 that does not say for how long, the longer one. Each next one is twice as long, or as
 * long as the upstream says. */
const PAUSE = 1_000;
const LIMITED_PAUSE = 5_000;
/** The longest, in ms: an upstream that recovers, and credentials that are new, are noticed within a minute. */
const LONGEST_PAUSE = 50_000;
/** How much longer, by chance, a pause is at most: so that many places do not probe together. */
const JITTER = 0.2;
/** For how long a probe may take, in ms, before another is let through: whoever made it may be gone. */
const PROBE_PATIENCE = 15_000;

/** Whether the upstream may be asked; throws what it said last where not. */
export function admit(health: Health, use: Use, now: number): Health {
  let next = health;
  for (const scope of use.pull ? (["all", "pulls"] as const) : (["all"] as const)) {
    const cooldown = health[scope];
    if (!cooldown || cooldown.until === 0) continue;
    const isProbed = now - cooldown.probedAt < PROBE_PATIENCE;
    if (now < cooldown.until || isProbed) throw waiting(cooldown, now);
    next = { ...next, [scope]: { ...cooldown, probedAt: now } };
  }
  if (use.pull && use.background) keepReserve(health.budget, use.reserve, now);
  return next;
}

function keepReserve(budget: Budget | undefined, reserve: number, now: number): void {
  if (!budget || budget.remaining > reserve || now - budget.seenAt > budget.window) return;
  throw new RegistryError(
    "TOOMANYREQUESTS",
    `${budget.remaining} pulls are left, and ${reserve} are kept for clients`,
  );
}

/** The upstream's word again, with how long it is not asked. */
function waiting(cooldown: Cooldown, now: number): RegistryError {
  const { code, message, ...options } = cooldown.error;
  const pause = secondsOf(cooldown, now);
  return new RegistryError(code, `${message}; it is not asked again for ${pause} s`, {
    ...options,
    headers: { ...options.headers, "Retry-After": String(pause) },
  });
}

function secondsOf({ until, retryAt }: Cooldown, now: number): number {
  return Math.max(1, Math.ceil((Math.max(until, retryAt) - now) / 1000));
}

/** For how long the upstream, whose answer was seen, is left alone, in seconds; 0 where it is not. */
export function pauseOf(health: Health, seen: Seen, now: number): number {
  const cooldown = (seen.pull ? health.pulls : undefined) ?? health.all;
  return cooldown && cooldown.until > now ? secondsOf(cooldown, now) : 0;
}

/** @param chance in [0, 1), for the jitter */
export function observe(health: Health, seen: Seen, now: number, chance: number): Health {
  const { error, budget } = seen;
  const next: Health = { ...health, ...(budget && { budget }) };
  if (error) {
    const isLimit = error.status === 429;
    const scope = isLimit && seen.pull && budget?.remaining === 0 ? "pulls" : "all";
    const told = seen.retryAfter ?? (scope === "pulls" ? budget?.window : undefined);
    next[scope] = strike(health[scope], error, isLimit ? "limited" : "failed", told, now, chance);
    return next;
  }
  // "No header means unlimited": of a manifest that was given, not of a 404.
  const isFree = seen.manifest && seen.gave && !budget;
  if (isFree) delete next.budget;
  if (isPast(health.all, seen)) delete next.all;
  // A HEAD tells of the limit without counting: it ends the wait for pulls, should there be some again.
  const mayPull =
    isFree || (seen.pull && seen.gave) || (budget !== undefined && budget.remaining > 0);
  if (mayPull && isPast(health.pulls, seen)) delete next.pulls;
  return next;
}

/** A good answer to what was asked before the cooldown began does not end it. */
function isPast(cooldown: Cooldown | undefined, seen: Seen): boolean {
  return cooldown !== undefined && seen.askedAt >= cooldown.begunAt;
}

function strike(
  before: Cooldown | undefined,
  error: ErrorValue,
  kind: "limited" | "failed",
  told: number | undefined,
  now: number,
  chance: number,
): Cooldown {
  // Those that were let through before the pause began come to their end within it.
  if (before && now < before.until) return { ...before, error };
  const strikes = (before?.strikes ?? 0) + 1;
  const begun = { strikes, until: 0, begunAt: now, probedAt: 0, retryAt: 0, error };
  const first = kind === "limited" ? 1 : FAILURES;
  if (strikes < first && told === undefined) return begun;
  const base = kind === "limited" && told === undefined ? LIMITED_PAUSE : PAUSE;
  const growing = base * 2 ** Math.max(0, strikes - first);
  const wished = Math.max(told ?? 0, growing);
  const pause = Math.min(wished, LONGEST_PAUSE) * (1 + JITTER * chance);
  return { ...begun, until: now + pause, retryAt: now + Math.max(wished, pause) };
}

/** A probe that was let through at `now` and came to nothing: another may go. */
export function unprobe(health: Health, now: number): Health {
  const next = { ...health };
  for (const scope of ["all", "pulls"] as const) {
    const cooldown = health[scope];
    if (cooldown?.probedAt === now) next[scope] = { ...cooldown, probedAt: 0 };
  }
  return next;
}

/** Whether a good answer is news. */
export function isAiling(health: Health): boolean {
  return health.all !== undefined || health.pulls !== undefined;
}
