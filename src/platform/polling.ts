// Polling with a request's own timers: a promise that another request should resolve never settles if that request is cancelled.

/** @param ready returns undefined until the value exists
 * @param interval between polls, in ms
 * @param timeout in ms
 * @returns undefined on timeout */
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
