// Keyring: which of a rule's credentials is used. One that the upstream refuses makes way for the next, for a minute; a
// refusal of all is remembered for some seconds, so that a thousand clients are not a thousand bad logins. The attack: names for which
// the token service answers 401, so that a good login is left alone for all.

import type { RegistryError } from "../../oci/error.ts";
import { BACKGROUND } from "../../policy/requester.ts";

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
/** A login that was good is bad when so many identities hear so; and for one of them, when it hears so for so many repositories. */
const IDENTITIES = 2;
const SCOPES = 3;

/** For whom a credential is wanted. */
interface KeyRequest {
  scope: string;
  /** The identity; undefined for a transfer that is under way. */
  by: string | undefined;
}

export class Keyring {
  readonly #refusals = new Map<string, Refusal>();
  /** Credential that was good → identity → scopes that it was refused for since. */
  readonly #doubts = new Map<Key, Map<string, Set<string>>>();

  /** The place of the credential to use; throws the last refusal where all are refused, just now. */
  pick(keys: readonly Key[], wanted: KeyRequest, now: number): number {
    const usable = keys.findIndex((key) => !this.isRefused(key, wanted, now));
    if (usable >= 0) return usable;
    const refusals = keys.map((key) => this.#refusal(key, wanted));
    const times = refusals.map((refusal) => refusal?.at ?? 0);
    const longestAgo = times.indexOf(Math.min(...times));
    if (now - (times[longestAgo] as number) > REMEMBERED) return longestAgo;
    throw refusals[times.indexOf(Math.max(...times))]?.error ?? new Error("a rule without keys");
  }

  isRefused(key: Key, wanted: KeyRequest, now: number): boolean {
    const refusal = this.#refusal(key, wanted);
    return refusal !== undefined && now - refusal.at <= PASSED_OVER;
  }

  /** @param scope undefined where the credential itself is refused, whatever it is used for */
  refuse(key: Key, scope: string | undefined, error: RegistryError, now: number): void {
    if (this.#refusals.size >= MOST_REFUSALS) this.#refusals.clear();
    this.#refusals.set(nameOf(key, scope), { error, at: now });
  }

  /** A token service has refused a login: for all that it is used for, unless it was good a while ago, and may be so still. */
  refuseLogin(key: Key, { scope, by = "" }: KeyRequest, error: RegistryError, now: number): void {
    const doubts = this.#doubts.get(key);
    this.refuse(key, doubts ? scope : undefined, error, now);
    if (!doubts) return;
    const scopes = (doubts.get(by) ?? new Set()).add(scope);
    doubts.set(by, scopes);
    // What is asked behind answers, or in mid-transfer, is of names that one identity may have chosen: it is nobody's own word.
    const own = [...doubts.keys()].filter((one) => one !== "" && one !== BACKGROUND);
    if (own.length >= IDENTITIES) {
      this.refuse(key, undefined, error, now);
      this.#doubts.delete(key);
    } else if (scopes.size >= SCOPES) this.refuse(key, identity(by), error, now);
  }

  /** A token service has given a token for it. */
  accept(key: Key): void {
    if (this.#doubts.get(key)?.size !== 0) this.#doubts.set(key, new Map());
  }

  forgive(keys: readonly Key[], scope: string): void {
    for (const key of keys) this.#refusals.delete(nameOf(key, scope));
  }

  /** The latest of those that concern it. */
  #refusal(key: Key, { scope, by = "" }: KeyRequest): Refusal | undefined {
    const scopes = [scope, identity(by), undefined];
    const refusals = scopes.map((one) => this.#refusals.get(nameOf(key, one)));
    return refusals.reduce((last, one) => (!last || (one && one.at > last.at) ? one : last));
  }
}

/** In place of a scope, of which none is like that. */
function identity(by: string): string {
  return `identity ${by}`;
}

function nameOf(key: Key, scope: string | undefined): string {
  return `${key ?? ""} ${scope ?? ""}`;
}
