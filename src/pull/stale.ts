// Staleness: labels content that is served past its freshness with its age and the reason.

import type { ErrorValue } from "../oci/error.ts";
import type { CacheStatus } from "./cache-status.ts";

export interface Labelled {
  status: CacheStatus;
  /** Time since the last check, in s. */
  age?: number;
  /** Why stale content, or an older digest of a tag, is served. */
  warning?: string;
  /** Until when the tag is held at an older digest, in ms since the epoch; null where only a release ends it. */
  heldUntil?: number | null;
}

/** Label of content served because of `failure`. `what` describes the content; `checkedAt` (the last successful check) and `now`
 * are in ms since the epoch. */
export function insteadOf(
  failure: Pick<ErrorValue, "message" | "upstreamStatus">,
  what: string,
  checkedAt: number,
  now: number,
): Labelled {
  const age = ageOf(checkedAt, now);
  return {
    status: { instead: failure.upstreamStatus },
    age,
    warning: `${failure.message}; ${what} ${inWords(age)} ago`,
  };
}

/** Age in s. */
export function ageOf(checkedAt: number, now: number): number {
  return Math.max(0, Math.floor((now - checkedAt) / 1000));
}

/** Renders a duration or an age, given in s. */
export function inWords(seconds: number): string {
  const units = [
    [86_400, "d"],
    [3_600, "h"],
    [60, "min"],
  ] as const;
  const [size, unit] = units.find(([size]) => seconds >= 2 * size) ?? [1, "s"];
  return `${Math.floor(seconds / size)} ${unit}`;
}
