// Polling by a request's own timers: a promise that another request should resolve never settles once that request is cancelled.

/** @param ready undefined: not yet
 * @param interval between looks, in ms
 * @param timeout in ms
 * @returns undefined on expiry */
export async function polled<T>(
  ready: () => T | undefined,
  interval: number,
  timeout: number,
): Promise<T | undefined> {
  for (let waited = 0; waited < timeout; waited += interval) {
    await new Promise((resolve) => setTimeout(resolve, interval));
    const value = ready();
    if (value !== undefined) return value;
  }
  return undefined;
}
