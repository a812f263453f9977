// The book of access as the rest of the house sees it: calls to its one Durable Object, repeated where that was reset.

import type { Env } from "../env.ts";
import { call } from "../oci/error.ts";
import type { Action, NewToken, Page, PullToken, RuleChange } from "./records.ts";

export interface Access {
  page(): Promise<Page>;
  /** That of a token, or of a refresh token that was made of it. Its use is noted. */
  find(hash: string, now: number): Promise<PullToken | undefined>;
  /** @param who creates it */
  create(id: string, hash: string, token: NewToken, who: string, now: number): Promise<PullToken>;
  /** Makes one more secret that is as good as the token itself, and ends with it. */
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
    create: (...args) => call(() => access().create(...args)),
    refresh: (...args) => call(() => access().refresh(...args)),
    tokens: (now) => call(() => access().tokens(now)),
    revoke: (...args) => call(() => access().revoke(...args)),
    rotate: (who, now) => call(() => access().rotate(who, now)),
    quarantine: (...args) => call(() => access().quarantine(...args)),
    release: (...args) => call(() => access().release(...args)),
    changeRule: (...args) => call(() => access().changeRule(...args)),
    note: (...args) => call(() => access().note(...args)),
    actions: (before, limit) => call(() => access().actions(before, limit)),
  };
}
