// Shares: how the pulls that an upstream's limit leaves are divided. The attack: one identity pulls until nothing is
// left for the others, or a name under its control answers with a false `ratelimit-remaining`. Pure.

import { RegistryError } from "../../oci/error.ts";
import type { Budget } from "../contract.ts";

export interface Shares {
  /** The budget that is assumed to be left. */
  budget?: Budget;
  /** Identity → the budget in its latest answer. */
  told?: Record<string, ReportedBudget>;
  /** Total number of pulls admitted. */
  lent?: number;
  /** Identity → its pulls. */
  used?: Record<string, PullUse>;
}

/** A request that is about to be sent. */
interface ShareRequest {
  pull: boolean;
  background: boolean;
  reserve: number;
}

/** A budget from an answer, and the number of pulls admitted by then. */
type ReportedBudget = Budget & { lent: number };

export interface PullUse {
  /** Pulls, which expire evenly over the window. */
  pulls: number;
  /** Time of `pulls`, in ms since the epoch. */
  at: number;
}

/** Fraction of the limit below which the budget is low, as it is at the rule's `reservePulls`: above it no identity
 * is held to a share. */
const LOW_FRACTION = 1 / 4;
/** Maximum age difference between budgets that are compared, in ms: in a longer time other users of the credentials
 * may have pulled. */
const MAX_AGE_DIFFERENCE = 10 * 60_000;
/** Pulls that an identity must still have in the window to count among those that share. */
const MIN_ACTIVE_PULLS = 1 / 2;
/** Maximum number of identities; the one with the least use is dropped. */
const MAX_SHARES = 200;
/** Maximum Retry-After, in s. */
const MAX_RETRY_AFTER = 3600;

/** Throws TOOMANYREQUESTS (429) where the remaining pulls are kept for others. */
export function enforceShares<T extends Shares>(
  health: T,
  use: ShareRequest,
  by: string,
  now: number,
): T {
  const { budget, used = {} } = health;
  if (!use.pull || !budget || now - budget.seenAt > budget.window) return health;
  if (use.background) enforceReserve(budget, use.reserve);
  else enforceShare(budget, used, { by, reserve: use.reserve }, now);
  const mine = { pulls: leftOf(used[by], budget, now) + 1, at: now };
  return { ...health, used: bounded({ ...used, [by]: mine }), lent: (health.lent ?? 0) + 1 };
}

function enforceReserve({ remaining }: Budget, reserve: number): void {
  if (remaining > reserve) return;
  throw new RegistryError(
    "TOOMANYREQUESTS",
    `${remaining} pulls are left, and ${reserve} are reserved for clients`,
    { unasked: true },
  );
}

function enforceShare(
  budget: Budget,
  used: Record<string, PullUse>,
  { by, reserve }: { by: string; reserve: number },
  now: number,
): void {
  const { limit, remaining, window } = budget;
  const kept = Math.min(reserve, Math.floor(limit / 2));
  if (remaining > Math.max(kept, limit * LOW_FRACTION)) return;
  const others = Object.keys(used).filter(
    (one) => one !== by && leftOf(used[one], budget, now) >= MIN_ACTIVE_PULLS,
  );
  const share = Math.max(1, Math.floor((limit - kept) / (others.length + 1)));
  const mine = leftOf(used[by], budget, now);
  if (mine < share || (others.length === 0 && remaining > kept)) return;
  const wait = ((mine - share + 1) * window) / Math.max(1, limit) / 1000;
  const seconds = Math.max(1, Math.min(MAX_RETRY_AFTER, Math.ceil(wait)));
  throw new RegistryError(
    "TOOMANYREQUESTS",
    `${remaining} of ${limit} pulls are left, and this identity has used ${Math.floor(mine)}, more than its share of ${share}; the rest is reserved for others`,
    { unasked: true, personal: true, headers: { "Retry-After": String(seconds) } },
  );
}

function leftOf(used: PullUse | undefined, { limit, window }: Budget, now: number): number {
  if (!used) return 0;
  return Math.max(0, used.pulls - (Math.max(0, now - used.at) * limit) / Math.max(1, window));
}

/** Records the budget in an answer's headers. */
export function recordBudget<T extends Shares>(
  health: T,
  { budget, pull, gave }: { budget?: Budget; pull: boolean; gave?: boolean },
  by: string,
): T {
  const { told: before = {}, lent = 0 } = health;
  if (budget) return withTold(health, bounded({ ...before, [by]: { ...budget, lent } }));
  // "No header means unlimited" holds for a pull that returned content.
  if (!pull || !gave || !before[by]) return health;
  const { [by]: _, ...others } = before;
  return withTold(health, others);
}

/** Uses the median of the budgets that identities were told at about the same time, so that a false one is only one
 * identity's. */
function withTold<T extends Shares>(health: T, told: Record<string, ReportedBudget>): T {
  const { told: _, budget: __, ...rest } = health;
  const { lent: now = 0 } = health;
  const newest = Math.max(...Object.values(told).map(({ seenAt }) => seenAt));
  const fitting = Object.values(told)
    .filter(({ seenAt }) => newest - seenAt <= MAX_AGE_DIFFERENCE)
    .map(({ lent, ...one }) => ({ ...one, remaining: Math.max(0, one.remaining - now + lent) }))
    .toSorted((one, other) => one.remaining - other.remaining);
  const budget = fitting[Math.floor(fitting.length / 2)];
  return { ...rest, ...(budget && { budget, told }) } as T;
}

function bounded<T extends PullUse | ReportedBudget>(
  entries: Record<string, T>,
): Record<string, T> {
  const all = Object.entries(entries);
  if (all.length <= MAX_SHARES) return entries;
  const weight = (one: T) => ("pulls" in one ? one.pulls : one.seenAt);
  const least = all.reduce((low, one) => (weight(one[1]) < weight(low[1]) ? one : low));
  return Object.fromEntries(all.filter((one) => one !== least));
}
