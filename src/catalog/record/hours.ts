// Pending upstream hours: requests to each upstream by hour, added up until they are reported.

import { hourOf } from "../../text/times.ts";
import type { UpstreamHour } from "./contract.ts";

/** Outcome of one upstream request. */
export interface UpstreamAnswer {
  /** HTTP status; 0 if no answer came. */
  status: number;
  /** Time until the answer began, in ms. */
  waited: number;
  budget?: { remaining: number; limit: number };
}

export class Hours {
  #hours = new Map<string, UpstreamHour>();

  /** @param now in ms since the epoch */
  add(origin: string, now: number, { status, waited, budget }: UpstreamAnswer): void {
    this.#merge({
      hour: hourOf(now),
      origin,
      requests: 1,
      failures: status === 0 || status >= 500 ? 1 : 0,
      limited: status === 429 ? 1 : 0,
      waited,
      slowest: waited,
      ...(budget && { left: budget.remaining, limit: budget.limit }),
    });
  }

  take(): UpstreamHour[] {
    const hours = [...this.#hours.values()];
    this.#hours = new Map();
    return hours;
  }

  /** Adds hours again whose report failed. */
  putBack(hours: readonly UpstreamHour[]): void {
    for (const hour of hours) this.#merge(hour);
  }

  #merge(one: UpstreamHour): void {
    const key = `${one.hour} ${one.origin}`;
    const known = this.#hours.get(key);
    this.#hours.set(key, known ? together(known, one) : one);
  }
}

function together(one: UpstreamHour, other: UpstreamHour): UpstreamHour {
  const lefts = [one.left, other.left].filter((left) => left !== undefined);
  const limit = other.limit ?? one.limit;
  return {
    hour: one.hour,
    origin: one.origin,
    requests: one.requests + other.requests,
    failures: one.failures + other.failures,
    limited: one.limited + other.limited,
    waited: one.waited + other.waited,
    slowest: Math.max(one.slowest, other.slowest),
    ...(lefts.length > 0 && { left: Math.min(...lefts) }),
    ...(limit !== undefined && { limit }),
  };
}
