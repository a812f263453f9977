// How upstreams do, by hour, as it adds up before the catalog is told.

import type { UpstreamHour } from "./contract.ts";

/** What came of a request to an upstream. */
export interface UpstreamAnswer {
  /** 0: none came. */
  status: number;
  /** Until it began, in ms. */
  waited: number;
  budget?: { remaining: number; limit: number };
}

export class Hours {
  #hours = new Map<string, UpstreamHour>();

  /** @param now in ms since the epoch */
  add(origin: string, now: number, { status, waited, budget }: UpstreamAnswer): void {
    this.#merge({
      hour: new Date(now).toISOString().slice(0, 13),
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

  /** It was not told. */
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
