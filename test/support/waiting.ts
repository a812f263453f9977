// Waiting for what comes about by itself: for as long as a busy machine may need, and no longer than it takes.

import { vi } from "vitest";

/** Tries `check` until it throws no more, every `interval` ms. vitest's own patience is a second, too little for
 * two workers on two cores. @throws what it threw last, after 20 s */
export function eventually<T>(check: () => T | Promise<T>, interval = 50): Promise<T> {
  return vi.waitFor(check, { timeout: 20_000, interval });
}
