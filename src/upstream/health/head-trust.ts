// Whether an origin's HEAD is believed when it answers 404. Nexus answers so for manifests that its GET gives. So a GET confirms it, until
// enough confirmations agree.
//
// The attack: an identity asks for random names, which HEAD and GET agree on, so that the lie about another's tag is believed. The number
// of repositories does not tell that apart (one who may pull any can name any), so three things bound what it gains: one lie distrusts
// HEAD for a week, in which nothing earns belief; belief ends after a day; and while it lasts every 20th question is doubted all the same,
// so that a lie is found while it is asked for. The other way round, a tag that is pushed between HEAD and GET looks like a lie, and costs
// its origin no more than a GET for each unknown name.

import type { Endpoint, HeadKind } from "../contract.ts";

export interface HeadTrust {
  /** Confirmations that agreed, since HEAD was last believed or distrusted. */
  agreed: number;
  /** Since when HEAD is believed, and when it last said 404 where GET gave content, in ms since the epoch. */
  believedAt?: number;
  liedAt?: number;
}

/** Some registries lie about the one and not about the other. */
/** Kind → how it stands; absent while nothing was confirmed. */
export type HeadTrusts = Partial<Record<HeadKind, HeadTrust>>;

/** What the object stores. */
const HEADS_KEY = "heads";

/** Confirmations that earn belief. */
const AGREEING = 20;
/** How long HEAD is believed, and distrusted, in ms. */
const BELIEVED = 24 * 60 * 60_000;
const DISTRUSTED = 7 * 24 * 60 * 60_000;
/** Interval in ms at which a further lie is noted. */
const NOTED = 60 * 60_000;
/** Of so many questions one is doubted although HEAD is believed. */
const SAMPLE = 20;

/** The same object where that is no news.
 * @param agrees whether GET answered 404 too, or gave what HEAD had answered 404 to */
export function withConfirmation(
  trust: HeadTrust | undefined,
  agrees: boolean,
  now: number,
): HeadTrust {
  if (!agrees)
    return trust && isSince(trust.liedAt, NOTED, now) ? trust : { agreed: 0, liedAt: now };
  if (trust && (isBelieved(trust, now) || isSince(trust.liedAt, DISTRUSTED, now))) return trust;
  const agreed = (trust?.agreed ?? 0) + 1;
  return agreed < AGREEING ? { agreed } : { agreed: 0, believedAt: now };
}

export function isBelieved(trust: HeadTrust | undefined, now: number): boolean {
  return isSince(trust?.believedAt, BELIEVED, now);
}

/** A clock that was set back must not make it last longer. */
function isSince(at: number | undefined, time: number, now: number): boolean {
  return at !== undefined && Math.abs(now - at) < time;
}

/** Of the origin's object. */
interface Storage {
  get<T>(key: string): Promise<T | undefined>;
  put(key: string, value: HeadTrusts): Promise<void>;
}

/** What an origin's object knows of its HEAD. */
export class HeadRecord {
  readonly #storage: Storage;
  #trusts: HeadTrusts = {};
  /** Loans since HEAD was believed. */
  readonly #lent = { manifest: 0, blob: 0 };

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  async load(): Promise<void> {
    this.#trusts = (await this.#storage.get<HeadTrusts>(HEADS_KEY)) ?? {};
  }

  /** What a loan says of it: whether a 404 to the HEAD that is asked with it is to be confirmed. */
  doubt(endpoint: Endpoint | undefined, now: number): { doubtsHead?: true } {
    if (endpoint !== "manifest" && endpoint !== "blob") return {};
    const isKnown = isBelieved(this.#trusts[endpoint], now);
    this.#lent[endpoint] = isKnown ? this.#lent[endpoint] + 1 : 0;
    return this.#lent[endpoint] % SAMPLE === 0 ? { doubtsHead: true } : {};
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
