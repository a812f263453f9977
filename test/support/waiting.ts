// Waiting for what comes about by itself: for as long as a busy machine may need, and no longer than it takes.

import { vi } from "vitest";

/** Tries `check` until it throws no more. vitest's own patience is a second, too little for two workers on two cores.
 * @param interval between tries, in ms
 * @param patience after which it gives up, in ms: less than the test's own timeout
 * @throws what `check` threw last */
export function eventually<T>(
  check: () => T | Promise<T>,
  interval = 50,
  patience = 25_000,
): Promise<T> {
  return vi.waitFor(check, { timeout: patience, interval });
}
