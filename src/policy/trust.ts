// Trust: what a rule's checks find against an image, and the allowances that let it pass. Pure.

import type { Rule } from "../config/rule.ts";
import type { TrustMode } from "../config/trust-mode.ts";

/** The checks of an image, besides the rule's lists and the quarantine. */
export type Check = "age" | "signature" | "vulnerabilities";

/** A fault that a check has found. Plain data. */
export interface Finding {
  check: Check;
  mode: TrustMode;
  /** Why the image is refused, as the client is told. */
  message: string;
  /** When the refusal ends by itself, in ms since the epoch; undefined where it does not. */
  until?: number;
  /** The check could not be made: refused with 503 instead of 403. */
  undecided?: boolean;
}

/** An administrator's decision that a digest passes all checks until a time (break-glass). */
export interface Allowance {
  digest: string;
  /** End, in ms since the epoch. */
  until: number;
  reason: string;
  /** Who allowed it, and when, in ms since the epoch. */
  who: string;
  at: number;
  /** A second person who has confirmed it. */
  confirmedBy?: string;
}

/** Whether a second person stands behind it: another identity than the one that added it. */
export function isConfirmed({ who, confirmedBy }: Pick<Allowance, "who" | "confirmedBy">): boolean {
  return confirmedBy !== undefined && confirmedBy !== who;
}

/** Digest → allowance. */
export type Allowances = ReadonlyMap<string, Allowance>;

/** The allowance that lets the digest pass now; undefined if there is none.
 * @param people how many persons the rule asks for, 1 or 2 @param now in ms since the epoch */
export function allowanceFor(
  allowances: Allowances | undefined,
  digest: string,
  people: number,
  now: number,
): Allowance | undefined {
  const allowance = allowances?.get(digest);
  if (!allowance || allowance.until <= now) return undefined;
  return people > 1 && !isConfirmed(allowance) ? undefined : allowance;
}

/** Whether an allowance lets the digest pass the rule's checks.
 * @param at the allowances, and the time in ms since the epoch */
export function isAllowed(
  { allowancePeople = 1 }: Pick<Rule, "allowancePeople">,
  digest: string,
  { allowances, now }: { allowances?: Allowances; now: number },
): boolean {
  return allowanceFor(allowances, digest, allowancePeople, now) !== undefined;
}
