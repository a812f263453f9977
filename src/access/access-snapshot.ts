// AccessSnapshot: an isolate's copy of the access object's page (keys, revocations, quarantine, allowances, rules), at most a
// minute old, and of the pull tokens that it has looked up.

import { LRUCache } from "lru-cache";
import { RegistryError } from "../oci/error.ts";
import { atMost } from "../platform/bounded.ts";
import { within } from "../platform/deadline.ts";
import { polled } from "../platform/polling.ts";
import type { ReadVisit } from "../store/visit.ts";
import { type Access, type IndexedPage, isPast, type PullToken, readPage } from "./contract.ts";
import { hashOf, isPullToken } from "./tokens/pull-token.ts";

/** Ages of the page, in ms: from which it is read again in the background, from which it is read before answering,
 * and from which it is invalid. So a revoked token stops working everywhere within a minute. */
const REFRESH_AGE = 20_000;
const BLOCKING_REFRESH_AGE = 40_000;
const MAX_PAGE_AGE = 55_000;
/** Timeout of reading the page, in ms. */
const READ_TIMEOUT = 5_000;
/** Minimum interval between reads of the page because of an unknown key, in ms. */
const UNKNOWN_KEY_INTERVAL = 5_000;
/** How long a looked-up pull token is trusted, in ms; a revocation on the page counts at once. */
const TOKEN_TTL = 5 * 60_000;
/** How long an unknown secret is remembered, in ms: it cannot become a token. */
const UNKNOWN_TOKEN_TTL = 60_000;
const MAX_TOKENS = 5_000;
/** Interval in ms at which a request checks whether another request of its isolate has finished the same look-up. */
const POLL_INTERVAL = 5;
/** Minimum interval between a failed read and the next one, in ms: requests in between do not wait for the same
 * failure. */
const FAILURE_INTERVAL = 1_000;

export type Later = ReadVisit["later"];

/** A token to be looked up. */
interface LookUp {
  /** Cache key: the hash of its secret, or its id. */
  readonly key: string;
  /** Asks the access object. */
  find(): Promise<PullToken | undefined>;
  /** Called before `find` for a key that was no token here before; may throw. */
  lookingUp(): void;
}

export class AccessSnapshot {
  readonly #access: Pick<Access, "page" | "find" | "holder">;
  /** Key: the hash of a secret, or the token's id. */
  readonly #tokens = new LRUCache<string, { token: PullToken; at: number }>(atMost(MAX_TOKENS));
  /** Secrets that are no token, by the same key → time of the look-up, in ms since the epoch. */
  readonly #unknownSecrets = new LRUCache<string, number>(atMost(MAX_TOKENS));
  /** Look-ups under way, by the same key → start, in ms since the epoch. */
  readonly #lookUps = new Map<string, number>();
  #page: IndexedPage | undefined;
  /** When the page was read, when the latest read began, and when a read last failed, in ms since the epoch. */
  #readAt = Number.NEGATIVE_INFINITY;
  #readingAt = Number.NEGATIVE_INFINITY;
  #failedAt = Number.NEGATIVE_INFINITY;

  constructor(access: Pick<Access, "page" | "find" | "holder">) {
    this.#access = access;
  }

  /** Throws UNAVAILABLE (503) where there is no valid page to decide who may pull. */
  async page(now: number, later: Later): Promise<IndexedPage> {
    // A clock that was set back gives no age.
    const age = now >= this.#readAt ? now - this.#readAt : MAX_PAGE_AGE;
    if (this.#page && age < REFRESH_AGE) return this.#page;
    if (this.#page && age < BLOCKING_REFRESH_AGE) {
      if (now - this.#readingAt > READ_TIMEOUT) later(this.#read(now).catch(logFailure));
      return this.#page;
    }
    if (!this.#hasJustFailed(now)) {
      try {
        return await this.#read(now);
      } catch (error) {
        logFailure(error as Error);
      }
    }
    if (this.#page && age < MAX_PAGE_AGE) return this.#page;
    throw unavailable();
  }

  /** For a key that may be newer than the page. */
  async newerPage(now: number, later: Later): Promise<IndexedPage> {
    if (now - this.#readingAt < UNKNOWN_KEY_INTERVAL) return this.page(now, later);
    return this.#read(now).catch((error: Error) => {
      logFailure(error);
      throw unavailable();
    });
  }

  /** Digest → reason of its quarantine. While the page cannot be read, the last one known is used: images stay
   * available when the access object does not. */
  async quarantined(now: number, later: Later): Promise<IndexedPage["quarantined"]> {
    return (await this.#lastPage(now, later))?.quarantined ?? new Map();
  }

  /** Digests that pass the checks of trust. While the page cannot be read, the last ones known; none where none are, so that
   * enforced checks fail closed. */
  async allowances(now: number, later: Later): Promise<IndexedPage["allowed"]> {
    return (await this.#lastPage(now, later))?.allowed ?? new Map();
  }

  /** The rules that the API has added. While the page cannot be read, the last ones known; undefined where none are. */
  async rules(now: number, later: Later): Promise<IndexedPage["rules"] | undefined> {
    return (await this.#lastPage(now, later))?.rules;
  }

  /** The keys that sign this cache's tokens, for uses that authenticate nobody: while the page cannot be read, the
   * last ones known. Throws UNAVAILABLE (503) where none are. */
  async keys(now: number, later: Later): Promise<IndexedPage["keys"]> {
    const page = await this.#lastPage(now, later);
    if (!page) throw unavailable();
    return page.keys;
  }

  /** Applies a change that was made in this isolate at once. */
  async readNow(now: number): Promise<void> {
    await this.#read(now);
  }

  /** The page, or while it cannot be read the last one known. */
  async #lastPage(now: number, later: Later): Promise<IndexedPage | undefined> {
    try {
      return await this.page(now, later);
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error;
      return this.#page;
    }
  }

  /** Undefined where it is no token; `past` where it was one, so that sending it is no guess.
   * @param lookingUp called before an unknown token is looked up in the access object; may throw */
  async token(
    text: string,
    now: number,
    later: Later,
    lookingUp: () => void,
  ): Promise<PullToken | "past" | undefined> {
    if (!isPullToken(text)) return undefined;
    const hash = hashOf(text);
    const find = () => this.#access.find(hash, now);
    return this.#valid({ key: hash, find, lookingUp }, now, later);
  }

  /** Like `token`, by the id in a refresh token. */
  async holder(
    id: string,
    now: number,
    later: Later,
    lookingUp: () => void,
  ): Promise<PullToken | "past" | undefined> {
    const find = () => this.#access.holder(id, now);
    return this.#valid({ key: `id ${id}`, find, lookingUp }, now, later);
  }

  async isRevoked(id: string, now: number, later: Later): Promise<boolean> {
    return (await this.page(now, later)).revokedIds.has(id);
  }

  async #valid(lookUp: LookUp, now: number, later: Later): Promise<PullToken | "past" | undefined> {
    // Both start at once: a new isolate waits only for the slower one.
    const [token, { revokedIds }] = await Promise.all([
      this.#known(lookUp, now),
      this.page(now, later),
    ]);
    if (!token) return undefined;
    const isOver = isPast(token, now) || token.revokedAt !== undefined || revokedIds.has(token.id);
    return isOver ? "past" : token;
  }

  async #known(lookUp: LookUp, now: number): Promise<PullToken | undefined> {
    const { key } = lookUp;
    const near = this.#cached(key, now);
    if (near) return near.token;
    if (this.#isLookedUp(key, now)) {
      const meanwhile = await this.#lookedUpByAnother(key, now);
      if (meanwhile) return meanwhile.token;
    }
    // A token that was valid here is looked up without a limit: guesses by a neighbour in its network must not lock it
    // out.
    if (!this.#tokens.has(key)) lookUp.lookingUp();
    this.#lookUps.set(key, now);
    try {
      const found = await this.#waited(lookUp.find());
      if (found) this.#tokens.set(key, { token: found, at: now });
      else {
        this.#tokens.delete(key);
        this.#unknownSecrets.set(key, now);
      }
      return found;
    } catch (error) {
      logFailure(error as Error);
      throw unavailable();
    } finally {
      this.#lookUps.delete(key);
    }
  }

  /** The cached result; undefined where none is recent enough. */
  #cached(key: string, now: number): { token: PullToken | undefined } | undefined {
    const known = this.#tokens.get(key);
    if (known && now - known.at < TOKEN_TTL) return known;
    const unknownAt = this.#unknownSecrets.get(key) ?? Number.NEGATIVE_INFINITY;
    return now - unknownAt < UNKNOWN_TOKEN_TTL ? { token: undefined } : undefined;
  }

  /** Whether another request is looking it up; a cancelled request no longer counts after the timeout. */
  #isLookedUp(key: string, now: number): boolean {
    return now - (this.#lookUps.get(key) ?? Number.NEGATIVE_INFINITY) < READ_TIMEOUT;
  }

  /** Waits for the other request with timers of this one: a cancelled request resolves no promises. */
  async #lookedUpByAnother(key: string, now: number) {
    const isOver = () => (this.#isLookedUp(key, now) ? undefined : true);
    await polled(isOver, POLL_INTERVAL, READ_TIMEOUT);
    return this.#cached(key, now);
  }

  #hasJustFailed(now: number): boolean {
    return now >= this.#failedAt && now - this.#failedAt < FAILURE_INTERVAL;
  }

  #waited<T>(work: Promise<T>): Promise<T> {
    return within(work, READ_TIMEOUT, () => new Error("no answer in time"));
  }

  async #read(now: number): Promise<IndexedPage> {
    this.#readingAt = now;
    const page = await this.#waited(this.#access.page()).catch((error) => {
      this.#failedAt = now;
      throw error;
    });
    this.#page = readPage(page);
    this.#readAt = now;
    return this.#page;
  }
}

function logFailure(error: Error): void {
  console.error(`entrepot: reading from the access object failed: ${error.message}`);
}

function unavailable(): RegistryError {
  const message = "access cannot be checked at the moment; try again";
  return new RegistryError("UNAVAILABLE", message, {
    status: 503,
    headers: { "Retry-After": "5" },
  });
}
