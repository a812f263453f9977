// Negative cache: remembers an upstream's answers for seconds, in the object's memory only. A mistyped tag in a cluster
// does not become a thousand requests, and freshly pushed content is not unknown for long.

import { RegistryError } from "../../oci/error.ts";
import { type Source, sourceKey } from "../../policy/source.ts";
import { isUnknown } from "../../upstream/client/refusal.ts";

/** TTL in ms of refusals, and of failures that a stale answer was served for. */
const REFUSAL_TTL = 5_000;
/** Maximum TTL in ms of a 404 by digest, since the content may be pushed at any moment. */
const MAX_DIGEST_TTL = 10_000;

/** TTL of an error in ms: the rule's `negativeTtl` for 404, a short one for refusals, 0 for others. */
export function ttlOf(error: unknown, source: Source, byDigest: boolean): number {
  if (!(error instanceof RegistryError)) return 0;
  const { negativeTtl } = source.rule;
  if (error.status === 404) return byDigest ? Math.min(negativeTtl, MAX_DIGEST_TTL) : negativeTtl;
  return [400, 401, 403].includes(error.status) ? REFUSAL_TTL : 0;
}

interface Remembered<T> {
  said: { value: T } | { error: unknown };
  /** Expiry in ms since the epoch. */
  until: number;
}

/** Keyed by source: one source's answer says nothing about another. */
export class NegativeCache<T = never> {
  readonly #remembered = new Map<string, Remembered<T>>();

  recall(source: Source, now: number): { value: T } | { error: unknown } | undefined {
    const remembered = this.#remembered.get(sourceKey(source));
    return remembered && now < remembered.until ? remembered.said : undefined;
  }

  /** Throws the remembered error of the source, if any.
   * @param known skips a remembered 404 */
  throwRecalled(source: Source, now: number, known = false): void {
    const said = this.recall(source, now);
    if (!said || !("error" in said)) return;
    if (known && isUnknown(said.error)) return;
    throw said.error;
  }

  /** @param time TTL in ms */
  keep(source: Source, said: { value: T } | { error: unknown }, time: number, now: number): void {
    for (const [key, { until }] of this.#remembered) if (until <= now) this.#remembered.delete(key);
    if (time > 0) this.#remembered.set(sourceKey(source), { said, until: now + time });
  }

  /** Remembers the error that a stale answer is served for, so that not every client waits for the next attempt. */
  pause(source: Source, error: unknown, now: number): void {
    if (this.recall(source, now)) return;
    this.keep(source, { error }, ttlOf(error, source, false) || REFUSAL_TTL, now);
  }

  forget(source: Source): void {
    this.#remembered.delete(sourceKey(source));
  }
}
