// Health: whether an upstream, or one repository of it, is to be asked now. After a 429 or repeated failures it is left alone
// for a while, then one probe is let through, and its answer decides. Pure: what was, what happened and when make what is.

import { type ErrorValue, RegistryError } from "../oci/error.ts";
import { type Cooldown, strike } from "./cooldown.ts";
import type { Budget } from "./limit.ts";

export interface Health {
  /** Of all requests. */
  all?: Cooldown;
  /** Of manifest GETs alone: Docker Hub limits those, and goes on answering HEAD. */
  pulls?: Cooldown;
  /** Of single repositories: one that is broken must not take the others away. */
  repositories?: Record<string, Cooldown>;
  budget?: Budget;
}

/** What somebody wants to ask. */
export interface Use {
  /** Undefined for lists, which are slow or broken by themselves. */
  repository?: string;
  /** A manifest's GET: what registries count as a pull. */
  pull: boolean;
  /** Nobody waits for it. */
  background: boolean;
  /** How many pulls background work leaves to clients. */
  reserve: number;
  /** For how long he waits for the first byte, in ms. */
  deadline: number;
}

/** What came of a request. */
export interface Seen {
  /** When it was let through, in ms since the epoch. */
  askedAt: number;
  repository?: string;
  pull: boolean;
  /** The upstream's failure, or its 429; undefined when it answered, be it with a 404. */
  error?: ErrorValue;
  /** It gave what was asked for: only that tells of a limit by not telling of one. */
  gave?: boolean;
  /** It let a client wait for so long, in ms, and then did not answer. */
  missed?: number;
  /** In ms, as the upstream said. */
  retryAfter?: number;
  budget?: Budget;
}

/** For how long a probe may take, in ms, before another is let through: whoever made it may be gone. */
const PROBE_PATIENCE = 15_000;
/** Of more broken repositories the first are forgotten. */
const MOST_REPOSITORIES = 200;

/** Whether the upstream may be asked; throws what it said last where not. */
export function admit(health: Health, use: Use, now: number): Health {
  let next = health;
  for (const { cooldown, put } of concerning(health, use.repository, use.pull)) {
    if (!cooldown || cooldown.until === 0) continue;
    // Whoever has more patience than those who were disappointed may find what they did not.
    if (cooldown.missed !== undefined && use.deadline > cooldown.missed) continue;
    const isProbed = now - cooldown.probedAt < PROBE_PATIENCE;
    if (now < cooldown.until || isProbed) throw waiting(cooldown, now);
    next = put(next, { ...cooldown, probedAt: now });
  }
  if (use.pull && use.background) keepReserve(health.budget, use.reserve, now);
  return next;
}

interface Place {
  cooldown: Cooldown | undefined;
  put(health: Health, cooldown: Cooldown | undefined): Health;
}

/** The repository first: one that is broken is not the probe of its upstream. */
function concerning(health: Health, repository: string | undefined, pull: boolean): Place[] {
  const places: Place[] = [];
  if (repository !== undefined) {
    const cooldown = health.repositories?.[repository];
    places.push({ cooldown, put: (to, it) => withRepository(to, repository, it) });
  }
  places.push({ cooldown: health.all, put: (to, it) => withScope(to, "all", it) });
  if (pull) places.push({ cooldown: health.pulls, put: (to, it) => withScope(to, "pulls", it) });
  return places;
}

function withScope(health: Health, scope: "all" | "pulls", cooldown: Cooldown | undefined): Health {
  const { [scope]: _, ...rest } = health;
  return cooldown ? { ...rest, [scope]: cooldown } : rest;
}

function withRepository(
  health: Health,
  repository: string,
  cooldown: Cooldown | undefined,
): Health {
  const { repositories = {}, ...rest } = health;
  const others = Object.entries(repositories).filter(([name]) => name !== repository);
  const all = cooldown ? [...others, [repository, cooldown] as const] : others;
  if (all.length === 0) return rest;
  return { ...rest, repositories: Object.fromEntries(all.slice(-MOST_REPOSITORIES)) };
}

function keepReserve(budget: Budget | undefined, reserve: number, now: number): void {
  if (!budget || budget.remaining > reserve || now - budget.seenAt > budget.window) return;
  throw new RegistryError(
    "TOOMANYREQUESTS",
    `${budget.remaining} pulls are left, and ${reserve} are kept for clients`,
    { unasked: true },
  );
}

/** The upstream's word again, with when it is asked again, and when it wants to be. */
function waiting(cooldown: Cooldown, now: number): RegistryError {
  const { code, message, ...options } = cooldown.error;
  const pause = Math.max(1, Math.ceil((cooldown.until - now) / 1000));
  return new RegistryError(code, `${message}; it is not asked again for ${pause} s`, {
    ...options,
    unasked: true,
    headers: { ...options.headers, "Retry-After": String(secondsOf(cooldown, now)) },
  });
}

function secondsOf({ until, retryAt }: Cooldown, now: number): number {
  return Math.max(1, Math.ceil((Math.max(until, retryAt) - now) / 1000));
}

/** When an upstream that answered 429 wants to be asked again, in seconds; 0 where nothing is known of it. */
export function pauseOf(health: Health, seen: Seen, now: number): number {
  const cooldown = (seen.pull ? health.pulls : undefined) ?? health.all;
  return cooldown && cooldown.until > now ? secondsOf(cooldown, now) : 0;
}

/** @param chance in [0, 1), for the jitter */
export function observe(health: Health, seen: Seen, now: number, chance: number): Health {
  const { error, budget } = seen;
  const known: Health = budget ? { ...health, budget } : health;
  if (!error) return relieved(known, seen);
  const struck = { seen, error, now, chance };
  if (error.status === 429) {
    const isOfPulls = seen.pull && budget?.remaining === 0;
    const told = seen.retryAfter ?? (isOfPulls ? budget.window : undefined);
    const scope = isOfPulls ? "pulls" : "all";
    return withScope(known, scope, strike(known[scope], { ...struck, kind: "limited", told }));
  }
  const all = withScope(known, "all", strike(known.all, { ...struck, kind: "upstream" }));
  const { repository, retryAfter: told } = seen;
  if (repository === undefined) return all;
  const before = known.repositories?.[repository];
  return withRepository(all, repository, strike(before, { ...struck, kind: "repository", told }));
}

function relieved(health: Health, seen: Seen): Health {
  let next = health;
  for (const { cooldown, put } of concerning(health, seen.repository, seen.pull)) {
    const isOfPulls = cooldown !== undefined && cooldown === health.pulls;
    if (!cooldown || (isOfPulls && !seen.gave)) continue;
    if (isPast(cooldown, seen)) next = put(next, undefined);
  }
  // A HEAD that tells of pulls ends the wait for them; one that does not tell proves nothing.
  const has = (seen.budget?.remaining ?? 0) > 0;
  if (has && next.pulls && isPast(next.pulls, seen)) next = withScope(next, "pulls", undefined);
  // "No header means unlimited": of a pull that was given.
  if (!seen.pull || !seen.gave || seen.budget || !next.budget) return next;
  const { budget: _, ...unlimited } = next;
  return unlimited;
}

/** A good answer ends a row of failures; but a pause, only if it was asked for since that began. */
function isPast(cooldown: Cooldown, seen: Seen): boolean {
  return cooldown.until === 0 || seen.askedAt >= cooldown.begunAt;
}

/** A probe that was let through at `now` and came to nothing: another may go. */
export function unprobe(health: Health, use: Use, now: number): Health {
  let next = health;
  for (const { cooldown, put } of concerning(health, use.repository, use.pull)) {
    if (cooldown?.probedAt === now) next = put(next, { ...cooldown, probedAt: 0 });
  }
  return next;
}

/** Whether a good answer is news. */
export function isAiling({ all, pulls, repositories }: Health): boolean {
  return all !== undefined || pulls !== undefined || repositories !== undefined;
}
