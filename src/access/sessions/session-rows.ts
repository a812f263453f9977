// Console sessions as stored, so that one, or all of a role, can be ended early.

import type { Sqlite } from "../../platform/sqlite.ts";
import type { Role, Session, SessionState } from "../contract.ts";

/** Lifetime of a session, in ms. */
const SESSION_LIFETIME = 12 * 60 * 60_000;
/** Maximum number of sessions; every isolate keeps the ended ones in memory. Beyond it the older half is ended. */
const MAX_SESSIONS = 1_000;

interface SessionRow {
  id: string;
  role: Role;
  began_at: number;
  ends_at: number;
}

/** @param key that signs sessions */
export function sessionState(database: Sqlite, key: string, now: number): SessionState {
  const ended = database.all<{ id: string }>(
    "SELECT id FROM sessions WHERE ended_at IS NOT NULL AND ends_at > ? ORDER BY id",
    now,
  );
  const until = database.all<{ role: Role; until: number }>("SELECT * FROM sessions_ended");
  return {
    key,
    ended: ended.map(({ id }) => id),
    endedUntil: Object.fromEntries(until.map(({ role, until }) => [role, until])),
  };
}

export function beginSession(database: Sqlite, id: string, role: Role, now: number): Session {
  const known = database.first<SessionRow>("SELECT * FROM sessions WHERE id = ?", id);
  if (known) return sessionOf(known); // the call is repeated
  database.run("DELETE FROM sessions WHERE ends_at <= ?", now);
  makeRoom(database);
  // A session that begins in the same millisecond as all were ended is not one of them.
  const beganAt = Math.max(now, endedUntil(database, role) + 1);
  const endsAt = now + SESSION_LIFETIME;
  const row = "INSERT INTO sessions VALUES (?, ?, ?, ?, NULL)";
  database.run(row, id, role, beganAt, endsAt);
  return { id, role, beganAt, endsAt };
}

/** Newest first. */
export function openSessions(database: Sqlite, now: number): Session[] {
  const rows = database.all<SessionRow>(
    "SELECT * FROM sessions WHERE ended_at IS NULL AND ends_at > ? ORDER BY began_at DESC, id",
    now,
  );
  return rows.map(sessionOf);
}

/** Undefined where no session with this id is open. */
export function endSession(database: Sqlite, id: string, now: number): Session | undefined {
  const row = database.first<SessionRow>(
    "UPDATE sessions SET ended_at = ?1 WHERE id = ?2 AND ended_at IS NULL AND ends_at > ?1 RETURNING *",
    now,
    id,
  );
  return row && sessionOf(row);
}

/** @returns how many were open */
export function endSessions(database: Sqlite, role: Role, now: number): number {
  const { count, latest } = database.one<{ count: number; latest: number | null }>(
    "SELECT count(*) AS count, max(began_at) AS latest FROM sessions WHERE role = ? AND ended_at IS NULL AND ends_at > ?",
    role,
    now,
  );
  endUntil(database, role, Math.max(now, latest ?? 0));
  return count;
}

function makeRoom(database: Sqlite): void {
  const { count } = database.one<{ count: number }>("SELECT count(*) AS count FROM sessions");
  if (count < MAX_SESSIONS) return;
  const { began_at: until } = database.one<{ began_at: number }>(
    "SELECT began_at FROM sessions ORDER BY began_at DESC LIMIT 1 OFFSET ?",
    MAX_SESSIONS / 2,
  );
  for (const role of ["admin", "viewer"] as const) endUntil(database, role, until);
}

function endUntil(database: Sqlite, role: Role, until: number): void {
  database.run(
    "INSERT INTO sessions_ended VALUES (?, ?) ON CONFLICT (role) DO UPDATE SET until = max(until, excluded.until)",
    role,
    until,
  );
  database.run("DELETE FROM sessions WHERE role = ? AND began_at <= ?", role, until);
}

function endedUntil(database: Sqlite, role: Role): number {
  const row = database.first<{ until: number }>(
    "SELECT until FROM sessions_ended WHERE role = ?",
    role,
  );
  return row?.until ?? 0;
}

function sessionOf({ id, role, began_at, ends_at }: SessionRow): Session {
  return { id, role, beganAt: began_at, endsAt: ends_at };
}
