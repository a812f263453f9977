// Keyring: which of a rule's credentials is used. One that the upstream refuses makes way for the next, for a minute; a
// refusal of all is remembered for some seconds, so that a thousand clients are not a thousand bad logins.

import type { RegistryError } from "../oci/error.ts";

/** A credential, by the name of its secret; undefined: without one. */
export type Key = string | undefined;

interface Refusal {
  error: RegistryError;
  /** In ms since the epoch. */
  at: number;
}

/** After how long a refused credential is tried again, in ms, while there is another, and where there is none. */
const PASSED_OVER = 55_000;
const REMEMBERED = 5_000;
/** More than that are forgotten: they cost one more question each. */
const MOST_REFUSALS = 2000;

export class Keyring {
  readonly #refusals = new Map<string, Refusal>();

  /** The place of the credential to use; throws the last refusal where all are refused, just now. */
  pick(keys: readonly Key[], scope: string, now: number): number {
    const usable = keys.findIndex((key) => !this.isRefused(key, scope, now));
    if (usable >= 0) return usable;
    const refusals = keys.map((key) => this.#refusal(key, scope));
    const times = refusals.map((refusal) => refusal?.at ?? 0);
    const longestAgo = times.indexOf(Math.min(...times));
    if (now - (times[longestAgo] as number) > REMEMBERED) return longestAgo;
    throw refusals[times.indexOf(Math.max(...times))]?.error ?? new Error("a rule without keys");
  }

  isRefused(key: Key, scope: string, now: number): boolean {
    const refusal = this.#refusal(key, scope);
    return refusal !== undefined && now - refusal.at <= PASSED_OVER;
  }

  /** @param scope undefined where the credential itself is refused, whatever it is used for */
  refuse(key: Key, scope: string | undefined, error: RegistryError, now: number): void {
    if (this.#refusals.size >= MOST_REFUSALS) this.#refusals.clear();
    this.#refusals.set(nameOf(key, scope), { error, at: now });
  }

  forgive(keys: readonly Key[], scope: string): void {
    for (const key of keys) this.#refusals.delete(nameOf(key, scope));
  }

  #refusal(key: Key, scope: string): Refusal | undefined {
    const one = this.#refusals.get(nameOf(key, scope));
    const all = this.#refusals.get(nameOf(key, undefined));
    return !one || (all && all.at > one.at) ? all : one;
  }
}

function nameOf(key: Key, scope: string | undefined): string {
  return `${key ?? ""} ${scope ?? ""}`;
}
