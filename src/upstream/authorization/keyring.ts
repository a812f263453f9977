// Keyring: which of a rule's credentials is used. One that the upstream refuses is skipped for a minute; a refusal of
// all is remembered for some seconds, so that a thousand clients do not cause a thousand bad logins. The attack: names
// for which the token service answers 401, so that a good login is skipped for all.

import type { RegistryError } from "../../oci/error.ts";
import { BACKGROUND } from "../../policy/requester.ts";

/** A credential, by the name of its secret; undefined: anonymous. */
export type Key = string | undefined;

interface Refusal {
  error: RegistryError;
  /** In ms since the epoch. */
  at: number;
}

/** How long a refused credential is skipped, in ms: while there is another, and where there is none. */
const SKIP_TIME = 55_000;
const ALL_REFUSED_TIME = 5_000;
/** Maximum number of refusals; beyond it all are dropped, which costs one more request each. */
const MAX_REFUSALS = 2000;
/** A login that worked before counts as bad for all once this many identities are refused, and for one identity once
 * it is refused for this many scopes. */
const MIN_IDENTITIES = 2;
const MIN_SCOPES = 3;

/** A request for a credential. */
interface KeyRequest {
  scope: string;
  /** Key of the identity; undefined for a transfer that is under way. */
  by: string | undefined;
}

export class Keyring {
  readonly #refusals = new Map<string, Refusal>();
  /** Credential that worked → identity → scopes refused since. */
  readonly #doubts = new Map<Key, Map<string, Set<string>>>();

  /** Returns the index of the credential to use; throws the latest refusal where all were refused just now. */
  pick(keys: readonly Key[], wanted: KeyRequest, now: number): number {
    const usable = keys.findIndex((key) => !this.isRefused(key, wanted, now));
    if (usable >= 0) return usable;
    const refusals = keys.map((key) => this.#refusal(key, wanted));
    const times = refusals.map((refusal) => refusal?.at ?? 0);
    const longestAgo = times.indexOf(Math.min(...times));
    if (now - (times[longestAgo] as number) > ALL_REFUSED_TIME) return longestAgo;
    throw refusals[times.indexOf(Math.max(...times))]?.error ?? new Error("a rule without keys");
  }

  isRefused(key: Key, wanted: KeyRequest, now: number): boolean {
    const refusal = this.#refusal(key, wanted);
    return refusal !== undefined && now - refusal.at <= SKIP_TIME;
  }

  /** @param scope undefined where the credential is refused for all scopes */
  refuse(key: Key, scope: string | undefined, error: RegistryError, now: number): void {
    if (this.#refusals.size >= MAX_REFUSALS) this.#refusals.clear();
    this.#refusals.set(nameOf(key, scope), { error, at: now });
  }

  /** Records a login that a token service refused: for all scopes, unless it worked before and may still work. */
  refuseLogin(key: Key, { scope, by = "" }: KeyRequest, error: RegistryError, now: number): void {
    const doubts = this.#doubts.get(key);
    this.refuse(key, doubts ? scope : undefined, error, now);
    if (!doubts) return;
    const scopes = (doubts.get(by) ?? new Set()).add(scope);
    doubts.set(by, scopes);
    // Background checks and transfers use names that one identity may have chosen, so they do not count as identities.
    const own = [...doubts.keys()].filter((one) => one !== "" && one !== BACKGROUND);
    if (own.length >= MIN_IDENTITIES) {
      this.refuse(key, undefined, error, now);
      this.#doubts.delete(key);
    } else if (scopes.size >= MIN_SCOPES) this.refuse(key, identity(by), error, now);
  }

  /** Records that a token service accepted the credential. */
  accept(key: Key): void {
    if (this.#doubts.get(key)?.size !== 0) this.#doubts.set(key, new Map());
  }

  forgive(keys: readonly Key[], scope: string): void {
    for (const key of keys) this.#refusals.delete(nameOf(key, scope));
  }

  /** The latest refusal that concerns the request. */
  #refusal(key: Key, { scope, by = "" }: KeyRequest): Refusal | undefined {
    const scopes = [scope, identity(by), undefined];
    const refusals = scopes.map((one) => this.#refusals.get(nameOf(key, one)));
    return refusals.reduce((last, one) => (!last || (one && one.at > last.at) ? one : last));
  }
}

/** Key in place of a scope; no scope begins like it. */
function identity(by: string): string {
  return `identity ${by}`;
}

function nameOf(key: Key, scope: string | undefined): string {
  return `${key ?? ""} ${scope ?? ""}`;
}
