// Authorizer: makes authorizations from credentials, and caches what can be reused: tokens by scope, and cloud logins,
// which last for hours. In memory only.

import type { Credentials, Login } from "../../config/credentials.ts";
import type { Rule } from "../../config/rule.ts";
import { isRefused } from "../client/refusal.ts";
import type { Challenge } from "./challenge.ts";
import type { Key } from "./keyring.ts";
import { loginFor } from "./login.ts";
import { basic, fetchToken } from "./token.ts";

/** Maximum number of entries, about one per repository. Beyond it all are dropped and requested again. */
const MAX_CACHE_ENTRIES = 2000;

interface CacheEntry<T> {
  value: T;
  /** In ms since the epoch. */
  expiresAt: number;
}

/** One of a rule's credentials. */
export interface Credential {
  readonly rule: Rule;
  readonly key: Key;
  /** What its secret holds; undefined: anonymous. */
  readonly credentials: Credentials | undefined;
}

/** The authorization that a challenge asks for. */
export interface RequestedToken {
  readonly challenge: Challenge;
  /** Requested of the token service. */
  readonly scope: string;
  /** The token's cache key. */
  readonly kept: string;
}

export class Authorizer {
  readonly #cache = new Map<string, Promise<CacheEntry<unknown>>>();
  readonly #accepted: (key: Key) => void;

  /** @param accepted called with each credential that a token service has accepted */
  constructor(accepted: (key: Key) => void = () => {}) {
    this.#accepted = accepted;
  }

  /** Returns undefined where the credentials do not fit the challenge. */
  async authorize(
    credential: Credential,
    { challenge, scope, kept }: RequestedToken,
  ): Promise<string | undefined> {
    const { rule, key } = credential;
    const held = this.#cache.has(loginName(key));
    const login = await this.#login(credential);
    if (challenge.scheme === "basic")
      return login && "username" in login ? basic(login) : undefined;
    const ask = async (as: typeof login) => {
      const token = await fetchToken(rule, { challenge, scope }, as, Date.now());
      this.#accepted(key);
      return { value: token.authorization, expiresAt: token.expiresAt };
    };
    return this.#cached(tokenName(key, kept), async () => {
      try {
        return await ask(login);
      } catch (error) {
        // A cloud's login may be revoked before it expires, which says nothing about the key that it was given for.
        if (!held || !isRefused(error)) throw error;
        this.#cache.delete(loginName(key));
        return ask(await this.#login(credential));
      }
    });
  }

  /** Forgets a refused value if it is the cached one: another may have been made since. */
  async forget(key: Key, kept: string, refused: string | undefined): Promise<void> {
    if (refused === undefined) return;
    const matches: [name: string, (value: unknown) => boolean][] = [
      [tokenName(key, kept), (value) => value === refused],
      [loginName(key), (value) => basic(value as Login) === refused],
    ];
    for (const [name, is] of matches) {
      const held = await this.#cache.get(name)?.catch(() => undefined); // its error was thrown to those who requested it
      if (held && is(held.value)) this.#cache.delete(name);
    }
  }

  /** Returns the credentials themselves, or the login that a cloud gives for them. */
  async #login({
    rule,
    key,
    credentials,
  }: Credential): Promise<Login | { token: string } | undefined> {
    if (!credentials || "username" in credentials || "token" in credentials) return credentials;
    return this.#cached(loginName(key), async () => {
      const { login, expiresAt } = await loginFor(rule, credentials, Date.now());
      return { value: login, expiresAt };
    });
  }

  /** Concurrent calls share one request, with its result and its error; an error is not cached. */
  async #cached<T>(name: string, fetch: () => Promise<CacheEntry<T>>): Promise<T> {
    const known = this.#cache.get(name) as Promise<CacheEntry<T>> | undefined;
    const held = await known?.catch(() => undefined); // requested anew below
    if (held && held.expiresAt > Date.now()) return held.value;
    if (held && this.#cache.get(name) === known) this.#cache.delete(name);
    let fetching = this.#cache.get(name) as Promise<CacheEntry<T>> | undefined;
    if (!fetching) {
      if (this.#cache.size >= MAX_CACHE_ENTRIES) this.#cache.clear();
      fetching = fetch();
      this.#cache.set(name, fetching);
      fetching.catch(() => {
        if (this.#cache.get(name) === fetching) this.#cache.delete(name);
      });
    }
    return (await fetching).value;
  }
}

function tokenName(key: Key, kept: string): string {
  return `token ${key ?? ""} ${kept}`;
}

function loginName(key: Key): string {
  return `login ${key ?? ""}`;
}
