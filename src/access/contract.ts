// The contract of access: the methods of its one Durable Object, and the records that it returns. Plain data.

import type { JWK } from "jose";
import type { AddedRule } from "../config/added.ts";
import type { Allowance, Allowances } from "../policy/trust.ts";

/** A pull token without its secret. Times are in ms since the epoch. */
export interface PullToken {
  id: string;
  name: string;
  /** Globs over names. */
  repositories: string[];
  /** In CIDR; empty: everywhere. */
  networks: string[];
  createdAt: number;
  createdBy: string;
  expiresAt?: number;
  /** Accurate to some minutes: updated when an isolate looks the token up. */
  usedAt?: number;
  revokedAt?: number;
  revokedBy?: string;
  /** Its pulls do not count as use of an image for retention. Absent: they do. */
  touches?: false;
}

/** Whether the token has expired. */
export function isPast({ expiresAt }: Pick<PullToken, "expiresAt">, now: number): boolean {
  return expiresAt !== undefined && expiresAt <= now;
}

export type NewToken = Pick<
  PullToken,
  "name" | "repositories" | "networks" | "expiresAt" | "touches"
>;

/** An Ed25519 key that signs this cache's tokens. */
export interface SigningKey {
  kid: string;
  /** Includes the private part. */
  jwk: JWK;
  /** Before this time, in ms since the epoch, it only verifies: by then every isolate knows it. */
  signsFrom: number;
}

/** The state that every isolate keeps a copy of. */
export interface Page {
  keys: SigningKey[];
  /** Ids of pull tokens that were revoked so recently that tokens derived from them may still exist. */
  revoked: string[];
  quarantine: Quarantined[];
  /** Those that have not ended. Absent in pages of an older version: none. */
  allowances?: Allowance[];
  rules: AddedRules;
  /** Absent, as is the next field, in pages of an older version, which has neither sessions nor refresh tokens. */
  sessions?: SessionState;
  /** Key that signs refresh tokens, in base64url. Never rotated: they live as long as their pull tokens. */
  refreshKey?: string;
}

export type Role = "admin" | "viewer";

/** The state that decides whether a console session has ended. */
export interface SessionState {
  /** Key that signs sessions, in base64url. */
  key: string;
  /** Ids of sessions that were ended early, kept until they would have expired. */
  ended: string[];
  /** By role: sessions that began at this time or earlier have ended. In ms since the epoch. */
  endedUntil: Partial<Record<Role, number>>;
}

/** A console session. Times are in ms since the epoch. */
export interface Session {
  id: string;
  role: Role;
  beganAt: number;
  endsAt: number;
}

/** A page, indexed for look-ups. */
export interface IndexedPage extends Page {
  revokedIds: ReadonlySet<string>;
  /** Digest → reason of its quarantine. */
  quarantined: ReadonlyMap<string, string>;
  allowed: Allowances;
}

export function readPage(page: Page): IndexedPage {
  const quarantined = new Map(page.quarantine.map(({ digest, reason }) => [digest, reason]));
  const allowed = new Map((page.allowances ?? []).map((one) => [one.digest, one]));
  return { ...page, revokedIds: new Set(page.revoked), quarantined, allowed };
}

/** The rules that the API has added. */
export interface AddedRules {
  /** Version of the last change of any rule; 0: no change yet. */
  version: number;
  /** In the order in which they were added. */
  rules: AddedRule[];
}

/** A change of a rule; without fields it is deleted. */
export interface RuleChange {
  /** Unique to this change: a repeated call makes no second one. */
  id: string;
  name: string;
  fields?: Record<string, unknown>;
}

/** A digest that is refused to everybody, whatever name leads to it. */
export interface Quarantined {
  digest: string;
  reason: string;
  at: number;
  who: string;
}

export type NewAllowance = Omit<Allowance, "confirmedBy">;

/** An entry of the audit log: one action of an administrator. */
export interface Action {
  id: number;
  at: number;
  who: string;
  what: string;
}

export interface Access {
  page(): Promise<Page>;
  /** Returns the token of a secret, which may be a stored refresh token's. Records its use. */
  find(hash: string, now: number): Promise<PullToken | undefined>;
  /** Like `find`, by the id in a refresh token. */
  holder(id: string, now: number): Promise<PullToken | undefined>;
  /** @param who the administrator who creates it */
  create(id: string, hash: string, token: NewToken, who: string, now: number): Promise<PullToken>;
  /** Stores one more secret for the token, which ends with it; earlier versions used these as refresh tokens. */
  refresh(id: string, hash: string, now: number): Promise<void>;
  /** Newest first, including those that were revoked or expired within the last 90 days. */
  tokens(now: number): Promise<PullToken[]>;
  /** Undefined where there is no token with that id. */
  revoke(id: string, who: string, now: number): Promise<PullToken | undefined>;
  /** Adds a key, which signs once every isolate knows it. @returns its id */
  rotate(who: string, now: number): Promise<string>;
  /** Refuses the digest to everybody. False where the quarantine is full. */
  quarantine(digest: string, reason: string, who: string, now: number): Promise<boolean>;
  /** False where the digest is not in quarantine. */
  release(digest: string, who: string, now: number): Promise<boolean>;
  /** Lets a digest pass the checks of trust. Replaces an allowance of the same digest, with its confirmation. False where there are too
   * many. */
  allow(allowance: NewAllowance): Promise<boolean>;
  /** Records a second person's confirmation. Unchanged where that person added it, or where it is not the one added at `at`; undefined
   * where there is none. */
  confirmAllowance(
    digest: string,
    who: string,
    now: number,
    at?: number,
  ): Promise<Allowance | undefined>;
  /** @returns the one that was removed; undefined where there was none */
  removeAllowance(digest: string, who: string, now: number): Promise<Allowance | undefined>;
  /** @param base the version of the rules that the change was based on
   * @returns false where that is not the latest version; nothing is changed then */
  changeRule(base: number, change: RuleChange, who: string, now: number): Promise<boolean>;
  /** Begins a console session. @param id unique to this session: a repeated call begins no second one */
  beginSession(id: string, role: Role, now: number): Promise<Session>;
  /** The open sessions, newest first. */
  sessions(now: number): Promise<Session[]>;
  /** Undefined where no session with this id is open. */
  endSession(id: string, who: string, now: number): Promise<Session | undefined>;
  /** Ends all sessions of a role. @returns how many were open */
  endSessions(role: Role, who: string, now: number): Promise<number>;
  /** Records an action before it is carried out. */
  note(who: string, what: string, now: number): Promise<void>;
  /** Newest first. @param before id of the last entry of the previous page */
  actions(before: number | undefined, limit: number): Promise<Action[]>;
}

export interface AccessBindings {
  ACCESS: DurableObjectNamespace;
}

/** The platform's rate limiting binding. */
export interface Limiter {
  limit(options: { key: string }): Promise<{ success: boolean }>;
}

/** Both are optional. */
export interface LimiterBindings {
  LOGINS?: Limiter;
  REQUESTS?: Limiter;
}
