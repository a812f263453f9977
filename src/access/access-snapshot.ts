// The book in an isolate: the page with keys and revocations, never older than a minute, and the pull tokens that it has looked up.

import { LRUCache } from "lru-cache";
import { RegistryError } from "../oci/error.ts";
import { within } from "../platform/deadline.ts";
import { polled } from "../platform/polling.ts";
import type { ReadVisit } from "../store/visit.ts";
import { type Access, isPast, type PullToken, type Read, readPage } from "./contract.ts";
import { hashOf, isPullToken } from "./tokens/pull-token.ts";

/** From this age on, in ms, the page is read again behind an answer; from this one on before it; and with this one it counts no more:
 * a token that is revoked is good for nothing anywhere after a minute. */
const READ_AGAIN = 20_000;
const READ_FIRST = 40_000;
const TOO_OLD = 55_000;
/** Reading is waited for so long, in ms. */
const READ_TIMEOUT = 5_000;
/** A key that the page does not have makes it read again, this often at most, in ms. */
const UNKNOWN_KEY = 5_000;
/** For so long, in ms, a pull token is not looked up again; what the page revokes counts at once. */
const KNOWN = 5 * 60_000;
/** The same, of one that is none: it cannot become one. */
const UNKNOWN = 60_000;
const MAX_TOKENS = 5_000;
/** How often a request looks for what another one of its isolate is looking up, in ms. */
const POLL_INTERVAL = 5;
/** After a reading that failed the next one begins so late, in ms: whoever comes meanwhile does not wait for the same failure. */
const FAILED = 1_000;

export type Later = ReadVisit["later"];

type Look = () => Promise<PullToken | undefined>;

export class AccessSnapshot {
  readonly #access: Pick<Access, "page" | "find" | "holder">;
  /** By the hash of a secret, or by the token's id. */
  readonly #tokens = new LRUCache<string, { token: PullToken; at: number }>({ max: MAX_TOKENS });
  /** By the same, when they were looked up: what is none. */
  readonly #strangers = new LRUCache<string, number>({ max: MAX_TOKENS });
  /** By the same, since when it is being looked up, in ms since the epoch. */
  readonly #lookedUp = new Map<string, number>();
  #page: Read | undefined;
  /** When the page was asked for, when last somebody began to, and when last that failed, in ms since the epoch. */
  #readAt = Number.NEGATIVE_INFINITY;
  #readingAt = Number.NEGATIVE_INFINITY;
  #failedAt = Number.NEGATIVE_INFINITY;

  constructor(access: Pick<Access, "page" | "find" | "holder">) {
    this.#access = access;
  }

  /** Throws UNAVAILABLE (503) where nobody can say who may pull. */
  async page(now: number, later: Later): Promise<Read> {
    // A clock that was set back tells no age.
    const age = now >= this.#readAt ? now - this.#readAt : TOO_OLD;
    if (this.#page && age < READ_AGAIN) return this.#page;
    if (this.#page && age < READ_FIRST) {
      if (now - this.#readingAt > READ_TIMEOUT) later(this.#read(now).catch(complain));
      return this.#page;
    }
    if (!this.#hasJustFailed(now)) {
      try {
        return await this.#read(now);
      } catch (error) {
        complain(error as Error);
      }
    }
    if (this.#page && age < TOO_OLD) return this.#page;
    throw unavailable();
  }

  /** For a key that may be newer than the page. */
  async newerPage(now: number, later: Later): Promise<Read> {
    if (now - this.#readingAt < UNKNOWN_KEY) return this.page(now, later);
    return this.#read(now).catch((error: Error) => {
      complain(error);
      throw unavailable();
    });
  }

  /** Digest → why nobody gets it. While the page cannot be read, what was known last: an outage of the book's is none of the images'. */
  async quarantined(now: number, later: Later): Promise<Read["quarantined"]> {
    try {
      return (await this.page(now, later)).quarantined;
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error;
      return this.#page?.quarantined ?? new Map();
    }
  }

  /** What the API has added. While the page cannot be read, what was known last; undefined where nothing was. */
  async rules(now: number, later: Later): Promise<Read["rules"] | undefined> {
    try {
      return (await this.page(now, later)).rules;
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error;
      return this.#page?.rules;
    }
  }

  /** The keys that tokens of ours are signed with, for what is no token: while the page cannot be read, those known last. Throws UNAVAILABLE
   * (503) where none were. */
  async keys(now: number, later: Later): Promise<Read["keys"]> {
    try {
      return (await this.page(now, later)).keys;
    } catch (error) {
      if (!(error instanceof RegistryError) || !this.#page) throw error;
      return this.#page.keys;
    }
  }

  /** So that what was changed here holds here at once. */
  async readNow(now: number): Promise<void> {
    await this.#read(now);
  }

  /** Undefined where it is none; `past` where it was one: who sends that has guessed nothing.
   * @param lookingUp is called before an unknown one is looked up far away, and may throw */
  async token(
    text: string,
    now: number,
    later: Later,
    lookingUp: () => void,
  ): Promise<PullToken | "past" | undefined> {
    if (!isPullToken(text)) return undefined;
    const hash = hashOf(text);
    return this.#valid(hash, () => this.#access.find(hash, now), now, later, lookingUp);
  }

  /** The same, by the id that a refresh token names. */
  async holder(
    id: string,
    now: number,
    later: Later,
    lookingUp: () => void,
  ): Promise<PullToken | "past" | undefined> {
    const look = () => this.#access.holder(id, now);
    return this.#valid(`id ${id}`, look, now, later, lookingUp);
  }

  async isRevoked(id: string, now: number, later: Later): Promise<boolean> {
    return (await this.page(now, later)).revokedIds.has(id);
  }

  async #valid(
    key: string,
    look: Look,
    now: number,
    later: Later,
    lookingUp: () => void,
  ): Promise<PullToken | "past" | undefined> {
    // Both are asked at once: an isolate that has just begun waits for the farther one alone.
    const [token, { revokedIds }] = await Promise.all([
      this.#known(key, look, now, lookingUp),
      this.page(now, later),
    ]);
    if (!token) return undefined;
    const isOver = isPast(token, now) || token.revokedAt !== undefined || revokedIds.has(token.id);
    return isOver ? "past" : token;
  }

  async #known(
    key: string,
    look: Look,
    now: number,
    lookingUp: () => void,
  ): Promise<PullToken | undefined> {
    const near = this.#near(key, now);
    if (near) return near.token;
    if (this.#isLookedUp(key, now)) {
      const meanwhile = await this.#lookedUpByAnother(key, now);
      if (meanwhile) return meanwhile.token;
    }
    // One that was good here is looked up again without a limit: a neighbour who guesses must not shut it out.
    if (!this.#tokens.has(key)) lookingUp();
    this.#lookedUp.set(key, now);
    try {
      const found = await this.#waited(look());
      if (found) this.#tokens.set(key, { token: found, at: now });
      else {
        this.#tokens.delete(key);
        this.#strangers.set(key, now);
      }
      return found;
    } catch (error) {
      complain(error as Error);
      throw unavailable();
    } finally {
      this.#lookedUp.delete(key);
    }
  }

  /** What is known here of it; undefined: nothing that is young enough. */
  #near(key: string, now: number): { token: PullToken | undefined } | undefined {
    const known = this.#tokens.get(key);
    if (known && now - known.at < KNOWN) return known;
    const isStranger = now - (this.#strangers.get(key) ?? Number.NEGATIVE_INFINITY) < UNKNOWN;
    return isStranger ? { token: undefined } : undefined;
  }

  /** Whether a request is looking it up that has not been cancelled long ago. */
  #isLookedUp(key: string, now: number): boolean {
    return now - (this.#lookedUp.get(key) ?? Number.NEGATIVE_INFINITY) < READ_TIMEOUT;
  }

  /** Waits for it, by timers of one's own: a request that is cancelled resolves nothing for others. */
  async #lookedUpByAnother(key: string, now: number) {
    const isOver = () => (this.#isLookedUp(key, now) ? undefined : true);
    if (!isOver()) await polled(isOver, POLL_INTERVAL, READ_TIMEOUT);
    return this.#near(key, now);
  }

  #hasJustFailed(now: number): boolean {
    return now >= this.#failedAt && now - this.#failedAt < FAILED;
  }

  #waited<T>(work: Promise<T>): Promise<T> {
    return within(work, READ_TIMEOUT, () => new Error("no answer in time"));
  }

  async #read(now: number): Promise<Read> {
    this.#readingAt = now;
    const page = await this.#waited(this.#access.page()).catch((error) => {
      this.#failedAt = now;
      throw error;
    });
    const read = readPage(page);
    this.#page = read;
    this.#readAt = now;
    return read;
  }
}

function complain(error: Error): void {
  console.error(`entrepot: the book of access was not read: ${error.message}`);
}

function unavailable(): RegistryError {
  const message = "it cannot be told at the moment who may pull here; ask again";
  return new RegistryError("UNAVAILABLE", message, {
    status: 503,
    headers: { "Retry-After": "5" },
  });
}
