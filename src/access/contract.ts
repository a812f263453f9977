// The contract of access: what its one Durable Object can be asked, and the records it answers with. Plain data.

import type { JWK } from "jose";
import type { AddedRule } from "../config/added.ts";

/** A pull token, without itself. Times are in ms since the epoch. */
export interface PullToken {
  id: string;
  name: string;
  /** Globs over names. */
  repositories: string[];
  /** In CIDR; empty: from everywhere. */
  networks: string[];
  createdAt: number;
  createdBy: string;
  expiresAt?: number;
  /** Known to some minutes: it is told when an isolate looks the token up. */
  usedAt?: number;
  revokedAt?: number;
  revokedBy?: string;
  /** What is pulled with it keeps no image alive. Absent: it does. */
  touches?: false;
}

/** Whether its time is over. */
export function isPast({ expiresAt }: Pick<PullToken, "expiresAt">, now: number): boolean {
  return expiresAt !== undefined && expiresAt <= now;
}

export type NewToken = Pick<
  PullToken,
  "name" | "repositories" | "networks" | "expiresAt" | "touches"
>;

/** A key that our tokens are signed with, Ed25519. */
export interface SigningKey {
  kid: string;
  /** With its private part. */
  jwk: JWK;
  /** Before that it only verifies: every isolate knows it by then. */
  signsFrom: number;
}

/** What every isolate has of it at any time. */
export interface Page {
  keys: SigningKey[];
  /** The ids of pull tokens that were revoked so lately that something made of them may still be about. */
  revoked: string[];
  quarantine: Quarantined[];
  rules: AddedRules;
  /** Absent from an object of an earlier version, as the next is: there are no sessions then, and no refresh tokens. */
  sessions?: SessionState;
  /** Refresh tokens are signed with it, in base64url. No key that is rotated: they live as long as their pull tokens. */
  refreshKey?: string;
}

export type Role = "admin" | "viewer";

/** What tells whether a session of the console has ended. */
export interface SessionState {
  /** Sessions are signed with it, in base64url. */
  key: string;
  /** The ids of those that were ended before their time, until that. */
  ended: string[];
  /** Those that began at this time or before it have ended, by role. In ms since the epoch. */
  endedUntil: Partial<Record<Role, number>>;
}

/** A session of the console. Times are in ms since the epoch. */
export interface Session {
  id: string;
  role: Role;
  beganAt: number;
  endsAt: number;
}

/** A page as isolates look into it. */
export interface Read extends Page {
  revokedIds: ReadonlySet<string>;
  /** Digest → why it is refused. */
  quarantined: ReadonlyMap<string, string>;
}

export function readPage(page: Page): Read {
  const quarantined = new Map(page.quarantine.map(({ digest, reason }) => [digest, reason]));
  return { ...page, revokedIds: new Set(page.revoked), quarantined };
}

/** The rules that the API has added. */
export interface AddedRules {
  /** Of the last change of any of them; 0: there was none. */
  version: number;
  /** In the order in which they were added. */
  rules: AddedRule[];
}

/** What is done to a rule; without fields it is deleted. */
export interface RuleChange {
  /** Of this change alone: a call that is repeated makes no second one. */
  id: string;
  name: string;
  fields?: Record<string, unknown>;
}

/** A digest that nobody gets, whatever leads to it. */
export interface Quarantined {
  digest: string;
  reason: string;
  at: number;
  who: string;
}

/** An action of somebody who administers. */
export interface Action {
  id: number;
  at: number;
  who: string;
  what: string;
}

export interface Access {
  page(): Promise<Page>;
  /** That of a token, or of a refresh token that was kept. Its use is noted. */
  find(hash: string, now: number): Promise<PullToken | undefined>;
  /** The same, by its id: that of a refresh token which names it. */
  holder(id: string, now: number): Promise<PullToken | undefined>;
  /** @param who creates it */
  create(id: string, hash: string, token: NewToken, who: string, now: number): Promise<PullToken>;
  /** Keeps one more secret that is as good as the token itself, and ends with it, as earlier versions did for refreshing. */
  refresh(id: string, hash: string, now: number): Promise<void>;
  /** The latest first, with those that were revoked or have expired within the last 90 days. */
  tokens(now: number): Promise<PullToken[]>;
  /** Undefined where there is none of that id. */
  revoke(id: string, who: string, now: number): Promise<PullToken | undefined>;
  /** Signs with a new key, as soon as every isolate knows it. @returns its name */
  rotate(who: string, now: number): Promise<string>;
  /** Nobody gets it any more. False where the quarantine is full. */
  quarantine(digest: string, reason: string, who: string, now: number): Promise<boolean>;
  /** False where it is in none. */
  release(digest: string, who: string, now: number): Promise<boolean>;
  /** @param base the version of the rules that whoever changes one has seen
   * @returns false where that is not the last one: nothing is changed then */
  changeRule(base: number, change: RuleChange, who: string, now: number): Promise<boolean>;
  /** Begins a session of the console. @param id of this one: a call that is repeated begins no second one */
  beginSession(id: string, role: Role, now: number): Promise<Session>;
  /** Those that are open, the latest first. */
  sessions(now: number): Promise<Session[]>;
  /** Undefined where none of this id is open. */
  endSession(id: string, who: string, now: number): Promise<Session | undefined>;
  /** All of a role. @returns how many were open */
  endSessions(role: Role, who: string, now: number): Promise<number>;
  /** Takes note of what somebody is about to do. */
  note(who: string, what: string, now: number): Promise<void>;
  /** The latest first. @param before the id of the last one of the page before */
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
