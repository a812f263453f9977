// The book of access as the rest of the house sees it: calls to its one Durable Object, repeated where that was reset.

import type { Env } from "../env.ts";
import { call } from "../oci/error.ts";
import type { Action, NewToken, Page, PullToken, Role, RuleChange, Session } from "./records.ts";

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

export function openAccess({ ACCESS }: Pick<Env, "ACCESS">): Access {
  const access = () => ACCESS.get(ACCESS.idFromName("access"));
  return {
    page: () => call(() => access().page()),
    find: (hash, now) => call(() => access().find(hash, now)),
    holder: (id, now) => call(() => access().holder(id, now)),
    create: (...args) => call(() => access().create(...args)),
    refresh: (...args) => call(() => access().refresh(...args)),
    tokens: (now) => call(() => access().tokens(now)),
    revoke: (...args) => call(() => access().revoke(...args)),
    rotate: (who, now) => call(() => access().rotate(who, now)),
    quarantine: (...args) => call(() => access().quarantine(...args)),
    release: (...args) => call(() => access().release(...args)),
    changeRule: (...args) => call(() => access().changeRule(...args)),
    beginSession: (...args) => call(() => access().beginSession(...args)),
    sessions: (now) => call(() => access().sessions(now)),
    endSession: (...args) => call(() => access().endSession(...args)),
    endSessions: (...args) => call(() => access().endSessions(...args)),
    note: (...args) => call(() => access().note(...args)),
    actions: (before, limit) => call(() => access().actions(before, limit)),
  };
}
