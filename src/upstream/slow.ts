// Slow: repositories that missed their first-byte deadline a moment ago. A client that falls back asks the mirror for each
// part of the image again: it must not wait for each as long as for the first.

import { type ErrorValue, RegistryError } from "../oci/error.ts";

/** For how long such a repository is not asked for, in ms: most of a pull's requests come within that. */
const PAUSE = 10_000;
/** More are forgotten: each costs one more wait. */
const MOST = 1_000;

export class Slow {
  readonly #repositories = new Map<string, { error: ErrorValue; until: number }>();

  /** Takes note of an error that was a missed deadline; of the upstream's own 504 there is nothing to note. */
  note(scope: string, error: ErrorValue, now: number): void {
    if (error.status !== 504 || error.upstreamStatus !== undefined) return;
    if (this.#repositories.size >= MOST) this.#repositories.clear();
    this.#repositories.set(scope, { error, until: now + PAUSE });
  }

  throwIfSlow(scope: string, now: number): void {
    const slow = this.#repositories.get(scope);
    if (!slow || now >= slow.until) return;
    const { code, message, ...options } = slow.error;
    const pause = Math.ceil((slow.until - now) / 1000);
    throw new RegistryError(code, `${message}, a moment ago`, {
      ...options,
      headers: { "Retry-After": String(pause) },
    });
  }
}
