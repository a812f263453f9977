// Pull tokens as they are kept.

import type { Sqlite } from "../../platform/sqlite.ts";
import { isPast, type NewToken, type PullToken } from "../contract.ts";

const DAY = 24 * 60 * 60_000;
/** What is past is kept for so long, in ms; refresh tokens of earlier versions that nobody uses, too. */
export const TOKEN_RETENTION = 90 * DAY;
/** A use is noted this often, in ms: each note is a write in the object that everybody needs. */
const NOTED = 5 * 60_000;

interface TokenRow {
  id: string;
  name: string;
  repositories: string;
  networks: string;
  created_at: number;
  created_by: string;
  expires_at: number | null;
  used_at: number | null;
  revoked_at: number | null;
  revoked_by: string | null;
  touches: number;
}

function tokenOf(row: TokenRow): PullToken {
  const { id, name, created_at: createdAt, created_by: createdBy } = row;
  return {
    id,
    name,
    repositories: JSON.parse(row.repositories),
    networks: JSON.parse(row.networks),
    createdAt,
    createdBy,
    ...(row.expires_at !== null && { expiresAt: row.expires_at }),
    ...(row.used_at !== null && { usedAt: row.used_at }),
    ...(row.revoked_at !== null && { revokedAt: row.revoked_at }),
    ...(row.revoked_by !== null && { revokedBy: row.revoked_by }),
    ...(row.touches === 0 && { touches: false as const }),
  };
}

export function tokenById(database: Sqlite, id: string): PullToken | undefined {
  const row = database.first<TokenRow>("SELECT * FROM tokens WHERE id = ?", id);
  return row && tokenOf(row);
}

/** That of a secret, its own or one of those that were kept for refreshing; its use is noted. */
export function tokenOfSecret(database: Sqlite, hash: string, now: number): PullToken | undefined {
  const query = "SELECT token FROM secrets WHERE hash = ?";
  const secret = database.first<{ token: string }>(query, hash);
  if (!secret) return undefined;
  const note = "UPDATE secrets SET used_at = ?1 WHERE hash = ?2 AND used_at < ?1 - ?3";
  database.run(note, now, hash, NOTED);
  return tokenInUse(database, secret.token, now);
}

/** The same, by its id. */
export function tokenInUse(database: Sqlite, id: string, now: number): PullToken | undefined {
  const token = tokenById(database, id);
  if (!token || token.revokedAt !== undefined || isPast(token, now)) return token;
  if (token.usedAt !== undefined && token.usedAt >= now - NOTED) return token;
  database.run("UPDATE tokens SET used_at = ? WHERE id = ?", now, id);
  return { ...token, usedAt: now };
}

/** The latest first. */
export function tokensSince(database: Sqlite, now: number): PullToken[] {
  const query =
    "SELECT * FROM tokens WHERE coalesce(revoked_at, expires_at, ?1) > ?1 - ?2 ORDER BY created_at DESC, id";
  return database.all<TokenRow>(query, now, TOKEN_RETENTION).map(tokenOf);
}

export function insertToken(
  database: Sqlite,
  id: string,
  { name, repositories, networks, expiresAt, touches }: NewToken,
  who: string,
  now: number,
): void {
  database.run(
    "INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?, ?, NULL, NULL, NULL, ?)",
    id,
    name,
    JSON.stringify(repositories),
    JSON.stringify(networks),
    now,
    who,
    expiresAt ?? null,
    touches === false ? 0 : 1,
  );
}

/** What has been past for so long that nobody asks any more. */
export function trimTokens(database: Sqlite, now: number): void {
  const past = "SELECT id FROM tokens WHERE coalesce(revoked_at, expires_at, ?1) < ?1 - ?2";
  database.run(`DELETE FROM secrets WHERE token IN (${past})`, now, TOKEN_RETENTION);
  database.run("DELETE FROM secrets WHERE NOT own AND used_at < ?", now - TOKEN_RETENTION);
  database.run(`DELETE FROM tokens WHERE id IN (${past})`, now, TOKEN_RETENTION);
}
