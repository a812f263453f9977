// What is kept of who may pull, and of what was done about it: plain data, as it comes from the one object that keeps it.

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
