// Health: whether an upstream is to be asked now. After a 429 or repeated failures it is left alone for a while, then one
// probe is let through, and its answer decides. Pure: what was, what happened and when make what is.

import { type ErrorValue, RegistryError } from "../oci/error.ts";
import type { Budget } from "./limit.ts";

export interface Cooldown {
  /** How often in a row the upstream failed or refused. */
  strikes: number;
  /** Not asked before that, in ms since the epoch; 0 while strikes are only counted. */
  until: number;
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
  /** Asked for a manifest: those answers tell of the limit on pulls. */
  manifest: boolean;
  pull: boolean;
  /** The upstream's failure, or its 429; undefined when it answered well, be it with a 404. */
  error?: ErrorValue;
  /** In ms, as the upstream said. */
  retryAfter?: number;
  budget?: Budget;
}

/** So many failures in a row begin a cooldown: fewer are hiccups. */
const FAILURES = 3;
/** The first pause, in ms, after failures, and after a 429 that does not say for how long; each next one is twice as long. */
const FAILED_PAUSE = 1_000;
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
  const { budget: before, ...cooldowns } = health;
  const budget = seen.budget ?? (seen.manifest && !seen.error ? undefined : before);
  const next: Health = { ...cooldowns, ...(budget && { budget }) };
  const { error } = seen;
  if (!error) {
    delete next.all;
    // A HEAD tells of the limit without counting: it ends the wait for pulls, should there be some again.
    if (seen.pull || (seen.manifest && seen.budget?.remaining !== 0)) delete next.pulls;
    return next;
  }
  const isLimit = error.status === 429;
  const scope = isLimit && seen.pull && seen.budget?.remaining === 0 ? "pulls" : "all";
  const told = seen.retryAfter ?? (scope === "pulls" ? seen.budget?.window : undefined);
  const cooldown = strike(health[scope], error, isLimit ? "limited" : "failed", told, now, chance);
  return { ...next, [scope]: cooldown };
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
  const begun = { strikes, until: 0, probedAt: 0, retryAt: 0, error };
  const first = kind === "limited" ? 1 : FAILURES;
  if (strikes < first && told === undefined) return begun;
  const growing =
    (kind === "limited" ? LIMITED_PAUSE : FAILED_PAUSE) * 2 ** Math.max(0, strikes - first);
  const pause = Math.min(told ?? growing, LONGEST_PAUSE) * (1 + JITTER * chance);
  return { ...begun, until: now + pause, retryAt: now + (told ?? pause) };
}

/** Whether a good answer is news. */
export function isAiling(health: Health): boolean {
  return health.all !== undefined || health.pulls !== undefined;
}
