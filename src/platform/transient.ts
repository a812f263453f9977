// Retries of repeatable operations after transient errors of R2.

/** R2 errors 10001 (internal) and 10043 (try again), and lost connections (developers.cloudflare.com/r2/api/error-codes). */
const TRANSIENT = /\b(10001|10043)\b|Network connection lost|Unspecified error/;
/** Pauses before each retry, in ms. */
const PAUSES = [50, 200, 800];

/** Runs `work` up to four times; it must be repeatable, so it must not consume a stream. */
export async function withRetries<T>(work: () => Promise<T>): Promise<T> {
  for (const pause of PAUSES) {
    try {
      return await work();
    } catch (error) {
      if (!TRANSIENT.test((error as Error).message)) throw error;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
  return work();
}
