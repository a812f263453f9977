// Backoff: each delay is about twice the one before, up to an hour, and ends after a day.

import { expect, it } from "vitest";
import { nextAttempt, RETRY_TIME } from "../../src/webhooks/backoff.ts";

const HOUR = 60 * 60_000;

it.each([0, 0.5, 1])("doubles the delay to an hour, with jitter %d", (jitter) => {
  const delays = Array.from({ length: 15 }, (_, at) =>
    nextAttempt({ attempts: at + 1, queuedAt: 0 }, 0, jitter),
  );
  const full = 1 - jitter / 2;
  expect(delays.slice(0, 4)).toEqual([5_000, 10_000, 20_000, 40_000].map((one) => one * full));
  expect(delays.at(-1)).toBe(HOUR * full);
});

it("takes what the receiver asks for where that is longer, up to an hour", () => {
  const next = (told: number) => nextAttempt({ attempts: 3, queuedAt: 0 }, 0, 0, told);
  expect([next(0), next(10_000), next(60_000), next(10 * HOUR)]).toEqual([
    20_000,
    20_000,
    60_000,
    HOUR,
  ]);
});

it("gives up when the next attempt would come after a day", () => {
  const at = (now: number) => nextAttempt({ attempts: 1, queuedAt: 0 }, now, 0);
  expect(at(RETRY_TIME - 5_000)).toBe(RETRY_TIME);
  expect(at(RETRY_TIME - 4_999)).toBeUndefined();
});
