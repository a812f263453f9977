// What is served past its time, honestly labelled: how old it is, and why it is not younger.

import type { ErrorValue } from "../oci/error.ts";
import type { CacheStatus } from "./cache-status.ts";

export interface Labelled {
  status: CacheStatus;
  /** For how long it was not checked, in s. */
  age?: number;
  /** Why it is served all the same. */
  warning?: string;
}

/** @param what is served, in words
 * @param checkedAt when the upstream last told it, and `now`, in ms since the epoch */
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

/** In s. */
export function ageOf(checkedAt: number, now: number): number {
  return Math.max(0, Math.floor((now - checkedAt) / 1000));
}

/** @param seconds a time, or how old something is */
export function inWords(seconds: number): string {
  const units = [
    [86_400, "d"],
    [3_600, "h"],
    [60, "min"],
  ] as const;
  const [size, unit] = units.find(([size]) => seconds >= 2 * size) ?? [1, "s"];
  return `${Math.floor(seconds / size)} ${unit}`;
}
