// AccessObject: the one Durable Object that stores pull tokens (as hashes), signing keys, sessions, the quarantine,
// allowances, added rules and the audit log. Off the hot path: isolates read its page every few seconds, and look a token up when
// they first see it.

import { DurableObject } from "cloudflare:workers";
import { LIFECYCLE } from "../config/added.ts";
import { type Calls, type Outcome, settle } from "../platform/rpc.ts";
import { Sqlite } from "../platform/sqlite.ts";
import { actionsBefore, recordAction } from "./actions.ts";
import { addedRules, changeRule } from "./added-rules.ts";
import { allow, confirmAllowance, currentAllowances, removeAllowance } from "./allowances.ts";
import type { Access, Page, PullToken, Quarantined, RuleChange } from "./contract.ts";
import { STEPS } from "./schema.ts";
import {
  beginSession,
  endSession,
  endSessions,
  openSessions,
  sessionState,
} from "./sessions/session-rows.ts";
import { SigningKeys } from "./tokens/signing-keys.ts";
import { statementKey } from "./tokens/statement-keys.ts";
import {
  insertToken,
  TOKEN_RETENTION,
  tokenById,
  tokenInUse,
  tokenOfSecret,
  tokensSince,
  trimTokens,
} from "./tokens/token-row.ts";

/** How long a revocation is on the page, in ms: longer than an isolate remembers a token, and than this cache's
 * tokens live. */
const REVOCATION_TTL = 60 * 60_000;
/** Maximum number of stored refresh secrets of a pull token. */
const MAX_REFRESH_SECRETS = 1_000;
/** Maximum number of digests in quarantine, all of which every isolate keeps in memory. */
const MAX_QUARANTINED = 5_000;

export class AccessObject extends DurableObject implements Calls<Access> {
  readonly #database = new Sqlite(this.ctx.storage.sql);
  readonly #keys = new SigningKeys(this.ctx.storage, this.#database);

  constructor(context: DurableObjectState, env: object) {
    super(context, env);
    context.storage.transactionSync(() => this.#database.migrate(STEPS));
  }

  page(): Promise<Outcome<Page>> {
    return settle(async () => {
      const now = Date.now();
      const keys = await this.#keys.current(now);
      const revoked = this.#database.all<{ id: string }>(
        "SELECT id FROM tokens WHERE revoked_at > ?",
        now - REVOCATION_TTL,
      );
      const quarantine = this.#database.all<Quarantined>(
        "SELECT * FROM quarantine ORDER BY digest",
      );
      return {
        keys,
        revoked: revoked.map(({ id }) => id),
        quarantine,
        allowances: currentAllowances(this.#database, now),
        rules: addedRules(this.#database),
        sessions: sessionState(this.#database, statementKey(this.#database, "session"), now),
        refreshKey: statementKey(this.#database, "refresh"),
      };
    });
  }

  find(...[hash, now]: Parameters<Access["find"]>): Promise<Outcome<PullToken | undefined>> {
    return this.#transaction(() => tokenOfSecret(this.#database, hash, now));
  }

  holder(...[id, now]: Parameters<Access["holder"]>): Promise<Outcome<PullToken | undefined>> {
    return this.#transaction(() => tokenInUse(this.#database, id, now));
  }

  create(
    ...[id, hash, token, who, now]: Parameters<Access["create"]>
  ): Promise<Outcome<PullToken>> {
    return this.#transaction(() => {
      // A repeated call makes no second token.
      const known = tokenById(this.#database, id);
      if (known) return known;
      insertToken(this.#database, { ...token, id, createdAt: now, createdBy: who });
      this.#database.run("INSERT INTO secrets VALUES (?, ?, ?, 1)", hash, id, now);
      this.#audit(
        who,
        `created the pull token "${token.name}" (${id}) for ${token.repositories.join(", ")}`,
        now,
      );
      trimTokens(this.#database, now);
      return tokenById(this.#database, id) as PullToken;
    });
  }

  /** Called by earlier versions only: the current one stores no refresh tokens (access/tokens/refresh-token.ts). */
  refresh(...[id, hash, now]: Parameters<Access["refresh"]>): Promise<Outcome<void>> {
    return this.#transaction(() => {
      this.#database.run("INSERT OR IGNORE INTO secrets VALUES (?, ?, ?, 0)", hash, id, now);
      this.#database.run(
        `DELETE FROM secrets WHERE token = ?1 AND NOT own AND (used_at < ?2 OR hash NOT IN (
           SELECT hash FROM secrets WHERE token = ?1 AND NOT own ORDER BY used_at DESC LIMIT ?3))`,
        id,
        now - TOKEN_RETENTION,
        MAX_REFRESH_SECRETS,
      );
    });
  }

  tokens(...[now]: Parameters<Access["tokens"]>): Promise<Outcome<PullToken[]>> {
    return this.#transaction(() => tokensSince(this.#database, now));
  }

  revoke(...[id, who, now]: Parameters<Access["revoke"]>): Promise<Outcome<PullToken | undefined>> {
    return this.#transaction(() => {
      const token = tokenById(this.#database, id);
      if (!token || token.revokedAt !== undefined) return token;
      this.#database.run(
        "UPDATE tokens SET revoked_at = ?, revoked_by = ? WHERE id = ?",
        now,
        who,
        id,
      );
      this.#audit(who, `revoked the pull token "${token.name}" (${id})`, now);
      return tokenById(this.#database, id);
    });
  }

  rotate(...[who, now]: Parameters<Access["rotate"]>): Promise<Outcome<string>> {
    return settle(async () => {
      const kid = await this.#keys.rotate(now);
      this.#audit(who, `created a new signing key (${kid})`, now);
      return kid;
    });
  }

  quarantine(...[digest, reason, who, now]: Parameters<Access["quarantine"]>) {
    return this.#transaction(() => {
      const { count } = this.#database.one<{ count: number }>(
        "SELECT count(*) AS count FROM quarantine WHERE digest <> ?",
        digest,
      );
      if (count >= MAX_QUARANTINED) return false;
      const row = "INSERT OR REPLACE INTO quarantine VALUES (?, ?, ?, ?)";
      this.#database.run(row, digest, reason, now, who);
      this.#audit(who, `quarantined ${digest}: ${reason}`, now);
      return true;
    });
  }

  release(...[digest, who, now]: Parameters<Access["release"]>) {
    return this.#transaction(() => {
      const gone = this.#database.all(
        "DELETE FROM quarantine WHERE digest = ? RETURNING digest",
        digest,
      );
      if (gone.length > 0) this.#audit(who, `released ${digest} from quarantine`, now);
      return gone.length > 0;
    });
  }

  allow(...[allowance]: Parameters<Access["allow"]>) {
    return this.#transaction(() => allow(this.#database, allowance));
  }

  confirmAllowance(...[digest, who, now, at]: Parameters<Access["confirmAllowance"]>) {
    return this.#transaction(() => confirmAllowance(this.#database, digest, { who, at }, now));
  }

  removeAllowance(...[digest, who, now]: Parameters<Access["removeAllowance"]>) {
    return this.#transaction(() => removeAllowance(this.#database, digest, who, now));
  }

  changeRule(...[base, change, who, now]: Parameters<Access["changeRule"]>) {
    return this.#transaction(() => {
      const isDone = changeRule(this.#database, base, change, { changedAt: now, changedBy: who });
      if (isDone) this.#audit(who, describeChange(change), now);
      return isDone;
    });
  }

  beginSession(...[id, role, now]: Parameters<Access["beginSession"]>) {
    return this.#transaction(() => {
      this.#audit(`the ${role} token`, "signed in to the console", now);
      return beginSession(this.#database, id, role, now);
    });
  }

  sessions(...[now]: Parameters<Access["sessions"]>) {
    return this.#transaction(() => openSessions(this.#database, now));
  }

  endSession(...[id, who, now]: Parameters<Access["endSession"]>) {
    return this.#transaction(() => {
      const ended = endSession(this.#database, id, now);
      if (ended) this.#audit(who, `ended a session of the ${ended.role} token (${id})`, now);
      return ended;
    });
  }

  endSessions(...[role, who, now]: Parameters<Access["endSessions"]>) {
    return this.#transaction(() => {
      const count = endSessions(this.#database, role, now);
      this.#audit(who, `ended all sessions of the ${role} token`, now);
      return count;
    });
  }

  note(...[who, what, now]: Parameters<Access["note"]>): Promise<Outcome<void>> {
    return this.#transaction(() => this.#audit(who, what, now));
  }

  actions(...[before, limit]: Parameters<Access["actions"]>) {
    return this.#transaction(() => actionsBefore(this.#database, before, limit));
  }

  #audit(who: string, what: string, now: number): void {
    recordAction(this.#database, who, what, now);
  }

  #transaction<T>(work: () => T): Promise<Outcome<T>> {
    return settle(async () => this.ctx.storage.transactionSync(work));
  }
}

function describeChange({ name, fields }: RuleChange): string {
  if (name === LIFECYCLE)
    return fields ? "set the lifecycle policies" : "removed the added lifecycle policies";
  return `${fields ? "set" : "deleted"} the rule "${name}"`;
}
