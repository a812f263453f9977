// The contract of an upstream's gate: what it is told before and after a request, and what it answers. Plain data.

import type { Rule } from "../config/rule.ts";
import type { ErrorValue } from "../oci/error.ts";

export type HeadKind = "manifest" | "blob";

/** Refusals are remembered by endpoint: an upstream without referrers, or one that lists no tags, may still serve
 * pulls. */
export type Endpoint = "manifest" | "blob" | "tags" | "referrers";

/** A request that is about to be sent. */
export interface PlannedRequest {
  /** Key of the identity. Absent in calls from an older version. */
  by?: string;
  /** Undefined for lists, which may be slow or broken on their own. */
  repository?: string;
  /** A GET of a manifest, which registries count as a pull. */
  pull: boolean;
  /** No client waits for the answer. */
  background: boolean;
  /** Number of pulls that background work leaves to clients. */
  reserve: number;
  /** Timeout of the first byte, in ms. */
  deadline: number;
  /** Maximum number of requests per minute that the identity may cause here; 0 or absent: no limit. */
  perMinute?: number;
}

/** The result of a request. */
export interface RequestResult {
  /** Key of the identity. Absent in calls from an older version. */
  by?: string;
  /** Time at which the request was admitted, in ms since the epoch. */
  askedAt: number;
  repository?: string;
  pull: boolean;
  /** The upstream's failure or 429; undefined for any other answer, including 404. */
  error?: ErrorValue;
  /** The failure concerns this name only (upstream/client/name-failure.ts). */
  ofName?: true;
  /** The upstream answered 401, 403 or 404. */
  refused?: true;
  /** The upstream sent the content: only then do missing rate limit headers mean that there is no limit. */
  gave?: boolean;
  /** The upstream did not answer in time. */
  silent?: true;
  /** Time that a client waited in vain, in ms. */
  missed?: number;
  /** The upstream's Retry-After, in ms. */
  retryAfter?: number;
  budget?: Budget;
}

/** A lent authorization, with what the gate needs when its answer is reported. */
export interface LentAuthorization {
  /** Undefined until the upstream asks for one. */
  authorization: string | undefined;
  /** Index of the credential in the rule's list. */
  key: number;
  /** Just made: making it again would give the same. */
  fresh: boolean;
}

export interface Loan extends LentAuthorization {
  /** Report a good answer too. */
  watched: boolean;
  /** Time of the loan by the gate's clock, in ms since the epoch. */
  lentAt: number;
  /** Key of the identity that it is lent for. */
  by?: string;
  /** The endpoint that is requested. Absent in loans from an older version. */
  endpoint?: Endpoint;
  /** A 404 to HEAD is to be confirmed by GET. Absent in loans from an older version. */
  doubtsHead?: true;
}

/** The part of a 401 or 403 that the gate needs. */
export interface AuthRefusal {
  status: number;
  /** The WWW-Authenticate header. */
  challenge: string | null;
  /** The refusal may not be final: some upstreams guard HEAD differently, and in mid-transfer it may be transient. */
  passing: boolean;
}

/** A change of an upstream's health: paused because of a rate limit or failures, or requested again. */
export interface HealthChange {
  what: "limited" | "down" | "up";
  /** In ms since the epoch. */
  at: number;
  detail: string;
}

/** A pause: the upstream, or a part of it, is not requested until a given time. */
export interface Pause {
  /** Scope of the pause: everything, GETs of manifests, one repository, or the requests of some identities, which are
   * not named. */
  of: "all" | "pulls" | "repository" | "identities";
  repository?: string;
  /** In ms since the epoch. */
  until: number;
  error: ErrorValue;
  /** For `identities`: their number. For a repository: 1 where a single identity saw it fail and the pause is that
   * identity's. */
  count?: number;
}

export interface UpstreamState {
  offline: boolean;
  pauses: Pause[];
  budget?: Budget;
  /** Number of identities that have used up their cold requests (upstream/health/allowance.ts). Absent in answers of
   * an older gate. */
  spent?: number;
}

/** The rest of an upstream's limit on pulls. */
export interface Budget {
  limit: number;
  remaining: number;
  /** Window of the limit, in ms. */
  window: number;
  /** Time of the upstream's answer, in ms since the epoch. */
  seenAt: number;
}

/** The gate, as its callers see it: methods of the object of the rule's origin. */
export interface Gate extends Pick<GateMethods, "lend" | "answer"> {
  report: OfRule<"report">;
  news: OfRule<"news">;
  lacksReferrers: OfRule<"lacksReferrers">;
  sawReferrers: OfRule<"sawReferrers">;
  sawHead: OfRule<"sawHead">;
}

/** A method that is told the rule only to find the object. */
type OfRule<Method extends keyof GateMethods> = (
  rule: Rule,
  ...args: Parameters<GateMethods[Method]>
) => ReturnType<GateMethods[Method]>;

/** The gate's read-only state, for the API and the console. */
export type Watch = Pick<GateMethods, "state">;

export interface GateBindings {
  UPSTREAM_GATE: DurableObjectNamespace;
}

/** Methods of UpstreamGate. Names and arguments stay: during a rolling deploy, the previous version calls them too. */
export interface GateMethods {
  lend(
    rule: Rule,
    scope: string,
    use: PlannedRequest | undefined,
    endpoint?: Endpoint,
  ): Promise<Loan>;
  answer(rule: Rule, scope: string, refused: AuthRefusal, loan: Loan): Promise<Loan | undefined>;
  report(seen: RequestResult): Promise<{ pause: number; became: HealthChange[] }>;
  news(): Promise<HealthChange[]>;
  /** Returns whether the upstream is known to have no referrers API. */
  lacksReferrers(): Promise<boolean>;
  sawReferrers(repository: string, has: boolean): Promise<null>;
  /** Reports whether a GET confirmed a 404 to HEAD. */
  sawHead(kind: HeadKind, agrees: boolean): Promise<null>;
  state(rule: Rule, repository?: string): Promise<UpstreamState>;
}
