// The contract of an upstream's gate: what is asked of it before and after a request, and what it answers. Plain data.

import type { Rule } from "../config/rule.ts";
import type { ErrorValue } from "../oci/error.ts";

export type HeadKind = "manifest" | "blob";

/** What a refusal is remembered for: an upstream without referrers, or one that lists no tags, may well be pulled from. */
export type Endpoint = "manifest" | "blob" | "tags" | "referrers";

/** What somebody wants to ask. */
export interface Use {
  /** The identity's key. Absent from what an older version sends. */
  by?: string;
  /** Undefined for lists, which are slow or broken by themselves. */
  repository?: string;
  /** A manifest's GET: what registries count as a pull. */
  pull: boolean;
  /** Nobody waits for it. */
  background: boolean;
  /** How many pulls background work leaves to clients. */
  reserve: number;
  /** For how long he waits for the first byte, in ms. */
  deadline: number;
  /** Questions per minute that the identity may cause here; 0 or absent: no limit. */
  perMinute?: number;
}

/** What came of a request. */
export interface Seen {
  /** The identity's key. Absent from what an older version sends. */
  by?: string;
  /** When it was let through, in ms since the epoch. */
  askedAt: number;
  repository?: string;
  pull: boolean;
  /** The upstream's failure, or its 429; undefined when it answered, be it with a 404. */
  error?: ErrorValue;
  /** The failure is the name's alone (upstream/name-failure). */
  ofName?: true;
  /** It refused what was asked for: 401, 403, 404. */
  refused?: true;
  /** It gave what was asked for: only that tells of a limit by not telling of one. */
  gave?: boolean;
  /** It did not answer in time. */
  silent?: true;
  /** It let a client wait for so long, in ms, and then did not answer. */
  missed?: number;
  /** In ms, as the upstream said. */
  retryAfter?: number;
  budget?: Budget;
}

/** An authorization on loan, and what the gate wants to know of it later. */
export interface Lent {
  /** Undefined where the upstream has not asked for any yet. */
  authorization: string | undefined;
  /** Which of the rule's credentials it is of. */
  key: number;
  /** It was made just now: made again it would be the same. */
  fresh: boolean;
}

export interface Loan extends Lent {
  /** The gate wants to hear of a good answer too. */
  watched: boolean;
  /** In ms since the epoch, by the gate's clock. */
  lentAt: number;
  /** The identity that it is lent for. */
  by?: string;
  /** What is asked with it. Absent from what an older version lends. */
  endpoint?: Endpoint;
  /** A 404 to HEAD is to be confirmed by GET. Absent from what an older version lends. */
  doubtsHead?: true;
}

/** A 401 or 403, as far as the gate has to know it. */
export interface Refused {
  status: number;
  /** Its WWW-Authenticate. */
  challenge: string | null;
  /** It is not the last word: some upstreams guard HEAD otherwise, and in mid-transfer it may be a hiccup. */
  passing: boolean;
}

/** That an upstream is left alone from now on, for a limit's sake or since it fails; or is asked again. */
export interface Became {
  what: "limited" | "down" | "up";
  /** In ms since the epoch. */
  at: number;
  detail: string;
}

/** That it is left alone. */
export interface Pause {
  /** All of it, manifests' GETs, a repository, or what single identities ask, of which none is named. */
  of: "all" | "pulls" | "repository" | "identities";
  repository?: string;
  /** In ms since the epoch. */
  until: number;
  error: ErrorValue;
  /** Of `identities`: how many. Of a repository: 1 where only one identity saw it fail, and it rests for that one. */
  count?: number;
}

export interface UpstreamState {
  offline: boolean;
  pauses: Pause[];
  budget?: Budget;
  /** Identities that have no cold question left (upstream/allowance). Absent from what an older gate tells. */
  spent?: number;
}

/** What is left of an upstream's limit on pulls. */
export interface Budget {
  limit: number;
  remaining: number;
  /** For how long the limit counts, in ms. */
  window: number;
  /** When the upstream said so, in ms since the epoch. */
  seenAt: number;
}

/** The gate as the rest of the house sees it. */
export interface Gate {
  lend(rule: Rule, scope: string, use: Use | undefined, endpoint?: Endpoint): Promise<Loan>;
  answer(rule: Rule, scope: string, refused: Refused, loan: Loan): Promise<Loan | undefined>;
  report(rule: Rule, seen: Seen): Promise<{ pause: number; became: Became[] }>;
  news(rule: Rule): Promise<Became[]>;
  /** Whether the upstream is known to have no referrers API. */
  lacksReferrers(rule: Rule): Promise<boolean>;
  sawReferrers(rule: Rule, repository: string, has: boolean): Promise<void>;
  /** That a GET has confirmed a 404 to HEAD, or has not. */
  sawHead(rule: Rule, kind: HeadKind, agrees: boolean): Promise<void>;
}

/** For whoever wants to know how it stands. */
export interface Watch {
  state(rule: Rule, repository?: string): Promise<UpstreamState>;
}

export interface GateBindings {
  UPSTREAM_GATE: DurableObjectNamespace;
}

/** Methods of UpstreamGate; other names and arguments would break calls of the version that is being replaced. */
export interface GateMethods {
  lend(rule: Rule, scope: string, use: Use | undefined, endpoint?: Endpoint): Promise<Loan>;
  answer(rule: Rule, scope: string, refused: Refused, loan: Loan): Promise<Loan | undefined>;
  report(seen: Seen): Promise<{ pause: number; became: Became[] }>;
  news(): Promise<Became[]>;
  lacksReferrers(): Promise<boolean>;
  sawReferrers(repository: string, has: boolean): Promise<boolean>;
  sawHead(kind: HeadKind, agrees: boolean): Promise<null>;
  state(rule: Rule, repository?: string): Promise<UpstreamState>;
}
