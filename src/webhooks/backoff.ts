// Backoff: when a failed delivery is sent again, and when it is given up. Pure.

/** Delay before the second attempt, in ms, doubled each time, and maximum delay. */
const FIRST_DELAY = 5_000;
const MAX_DELAY = 60 * 60_000;
/** How long a delivery is retried, in ms from when it was queued. */
export const RETRY_TIME = 24 * 60 * 60_000;

/** @param attempts made so far, at least 1
 * @param jitter 0 to 1, a random number: shortens the delay by up to a half, so that retries do not come together
 * @param requested delay that the receiver has asked for (`Retry-After`), in ms
 * @returns the time of the next attempt, in ms since the epoch; undefined when the delivery is given up */
export function nextAttempt(
  { attempts, queuedAt }: { attempts: number; queuedAt: number },
  now: number,
  jitter: number,
  requested = 0,
): number | undefined {
  const delay = Math.min(MAX_DELAY, FIRST_DELAY * 2 ** Math.min(attempts - 1, 20));
  const at = now + Math.max(delay * (1 - jitter / 2), Math.min(requested, MAX_DELAY));
  return at > queuedAt + RETRY_TIME ? undefined : Math.ceil(at);
}
