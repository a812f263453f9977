// Trust in an origin's 404 to HEAD. Nexus answers 404 to HEAD for manifests that its GET returns, so a GET confirms
// each 404 until enough confirmations agree. The attack: an identity requests random names, on which HEAD and GET
// agree, so that a false 404 for another's tag is trusted. Counting repositories does not prevent it (an identity that
// may pull any name can make up many), so three bounds limit the gain: one false 404 distrusts HEAD for a week, during
// which no trust is earned; trust ends after a day; and meanwhile every 20th request is confirmed all the same.
// Conversely, a tag that is pushed between HEAD and GET looks like a false 404, and costs its origin one GET for each
// unknown name.

import type { Endpoint, HeadKind } from "../contract.ts";

export interface HeadTrust {
  /** Agreeing confirmations since HEAD was last trusted or distrusted. */
  agreed: number;
  /** When HEAD became trusted, and when it last answered 404 to what GET returned, in ms since the epoch. */
  believedAt?: number;
  liedAt?: number;
}

/** Trust by kind, since some registries answer falsely for one kind only; absent until the first confirmation. */
export type HeadTrusts = Partial<Record<HeadKind, HeadTrust>>;

/** Storage key. */
const HEADS_KEY = "heads";

/** Agreeing confirmations that make HEAD trusted. */
const MIN_AGREEING = 20;
/** How long HEAD stays trusted, and distrusted, in ms. */
const TRUST_TIME = 24 * 60 * 60_000;
const DISTRUST_TIME = 7 * 24 * 60 * 60_000;
/** Minimum interval between two stored false answers, in ms. */
const NOTE_INTERVAL = 60 * 60_000;
/** While HEAD is trusted, one in this many requests is confirmed all the same. */
const CONFIRM_EVERY = 20;

/** Returns the same object where nothing changes.
 * @param agrees whether GET answered 404 too; false where it returned the content */
export function withConfirmation(
  trust: HeadTrust | undefined,
  agrees: boolean,
  now: number,
): HeadTrust {
  if (!agrees)
    return trust && isSince(trust.liedAt, NOTE_INTERVAL, now) ? trust : { agreed: 0, liedAt: now };
  if (trust && (isBelieved(trust, now) || isSince(trust.liedAt, DISTRUST_TIME, now))) return trust;
  const agreed = (trust?.agreed ?? 0) + 1;
  return agreed < MIN_AGREEING ? { agreed } : { agreed: 0, believedAt: now };
}

export function isBelieved(trust: HeadTrust | undefined, now: number): boolean {
  return isSince(trust?.believedAt, TRUST_TIME, now);
}

/** Absolute difference: a clock that was set back must not extend the time. */
function isSince(at: number | undefined, time: number, now: number): boolean {
  return at !== undefined && Math.abs(now - at) < time;
}

/** Storage of the origin's Durable Object. */
interface Storage {
  get<T>(key: string): Promise<T | undefined>;
  put(key: string, value: HeadTrusts): Promise<void>;
}

/** HEAD trust of one origin, kept in its Durable Object. */
export class HeadRecord {
  readonly #storage: Storage;
  #trusts: HeadTrusts = {};
  /** Loans since HEAD became trusted. */
  readonly #lent = { manifest: 0, blob: 0 };

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  async load(): Promise<void> {
    this.#trusts = (await this.#storage.get<HeadTrusts>(HEADS_KEY)) ?? {};
  }

  /** Returns the loan's `doubtsHead`: whether a 404 to its HEAD is to be confirmed by GET. */
  doubt(endpoint: Endpoint | undefined, now: number): { doubtsHead?: true } {
    if (endpoint !== "manifest" && endpoint !== "blob") return {};
    const isKnown = isBelieved(this.#trusts[endpoint], now);
    this.#lent[endpoint] = isKnown ? this.#lent[endpoint] + 1 : 0;
    return this.#lent[endpoint] % CONFIRM_EVERY === 0 ? { doubtsHead: true } : {};
  }

  async confirm(kind: HeadKind, agrees: boolean, now: number): Promise<null> {
    const before = this.#trusts[kind];
    const after = withConfirmation(before, agrees, now);
    if (after === before) return null;
    this.#trusts = { ...this.#trusts, [kind]: after };
    await this.#storage.put(HEADS_KEY, this.#trusts);
    return null;
  }
}
