// Memory: what an upstream said a moment ago, for seconds and in the object's memory alone. A typo in a cluster is not a
// thousand requests; and what was just pushed is not unknown for long.

import { RegistryError } from "../../oci/error.ts";
import { type Source, sourceKey } from "../../policy/source.ts";

/** For how long refusals are remembered, and failures where something else could be served, in ms. */
const REFUSAL_TTL = 5_000;
/** Content that is named by digest is pushed at any moment: it is unknown for so long at most, in ms. */
const DIGEST_UNKNOWN = 10_000;

/** How long an error is worth remembering, in ms: what is unknown, as the rule says; refusals briefly. */
export function worth(error: unknown, source: Source, byDigest: boolean): number {
  if (!(error instanceof RegistryError)) return 0;
  const { negativeTtl } = source.rule;
  if (error.status === 404) return byDigest ? Math.min(negativeTtl, DIGEST_UNKNOWN) : negativeTtl;
  return [400, 401, 403].includes(error.status) ? REFUSAL_TTL : 0;
}

interface Remembered<T> {
  said: { value: T } | { error: unknown };
  /** In ms since the epoch. */
  until: number;
}

/** By source: what one was told is nothing to another. */
export class NegativeCache<T = never> {
  readonly #remembered = new Map<string, Remembered<T>>();

  recall(source: Source, now: number): { value: T } | { error: unknown } | undefined {
    const remembered = this.#remembered.get(sourceKey(source));
    return remembered && now < remembered.until ? remembered.said : undefined;
  }

  /** Throws what the source was refused with.
   * @param known not that it was unknown */
  throwRecalled(source: Source, now: number, known = false): void {
    const said = this.recall(source, now);
    if (!said || !("error" in said)) return;
    if (known && said.error instanceof RegistryError && said.error.status === 404) return;
    throw said.error;
  }

  /** @param time in ms */
  keep(source: Source, said: { value: T } | { error: unknown }, time: number, now: number): void {
    for (const [key, { until }] of this.#remembered) if (until <= now) this.#remembered.delete(key);
    if (time > 0) this.#remembered.set(sourceKey(source), { said, until: now + time });
  }

  /** Something is served in place of the error: it is not asked for again at once, since somebody waits each time. */
  pause(source: Source, error: unknown, now: number): void {
    if (this.recall(source, now)) return;
    this.keep(source, { error }, worth(error, source, false) || REFUSAL_TTL, now);
  }

  forget(source: Source): void {
    this.#remembered.delete(sourceKey(source));
  }
}
