// Pull tokens as stored.

import type { Sqlite } from "../../platform/sqlite.ts";
import { isPast, type PullToken } from "../contract.ts";

const DAY = 24 * 60 * 60_000;
/** How long expired and revoked tokens are kept, in ms, and unused refresh secrets of earlier versions. */
export const TOKEN_RETENTION = 90 * DAY;
/** Minimum interval between recorded uses of a token, in ms: each is a write in the object that all isolates share. */
const NOTE_INTERVAL = 5 * 60_000;

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

/** Returns the token of a secret, its own or a stored refresh secret; records its use. */
export function tokenOfSecret(database: Sqlite, hash: string, now: number): PullToken | undefined {
  const query = "SELECT token FROM secrets WHERE hash = ?";
  const secret = database.first<{ token: string }>(query, hash);
  if (!secret) return undefined;
  const note = "UPDATE secrets SET used_at = ?1 WHERE hash = ?2 AND used_at < ?1 - ?3";
  database.run(note, now, hash, NOTE_INTERVAL);
  return tokenInUse(database, secret.token, now);
}

/** Like `tokenOfSecret`, by the token's id. */
export function tokenInUse(database: Sqlite, id: string, now: number): PullToken | undefined {
  const token = tokenById(database, id);
  if (!token || token.revokedAt !== undefined || isPast(token, now)) return token;
  if (token.usedAt !== undefined && token.usedAt >= now - NOTE_INTERVAL) return token;
  database.run("UPDATE tokens SET used_at = ? WHERE id = ?", now, id);
  return { ...token, usedAt: now };
}

/** Newest first. */
export function tokensSince(database: Sqlite, now: number): PullToken[] {
  const query =
    "SELECT * FROM tokens WHERE coalesce(revoked_at, expires_at, ?1) > ?1 - ?2 ORDER BY created_at DESC, id";
  return database.all<TokenRow>(query, now, TOKEN_RETENTION).map(tokenOf);
}

/** Adds a token that was neither used nor revoked. */
export function insertToken(database: Sqlite, token: PullToken): void {
  const { id, name, repositories, networks, createdAt, createdBy, expiresAt, touches } = token;
  database.run(
    "INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?, ?, NULL, NULL, NULL, ?)",
    id,
    name,
    JSON.stringify(repositories),
    JSON.stringify(networks),
    createdAt,
    createdBy,
    expiresAt ?? null,
    touches === false ? 0 : 1,
  );
}

/** Deletes tokens and secrets that are past their retention. */
export function trimTokens(database: Sqlite, now: number): void {
  const past = "SELECT id FROM tokens WHERE coalesce(revoked_at, expires_at, ?1) < ?1 - ?2";
  database.run(`DELETE FROM secrets WHERE token IN (${past})`, now, TOKEN_RETENTION);
  database.run("DELETE FROM secrets WHERE NOT own AND used_at < ?", now - TOKEN_RETENTION);
  database.run(`DELETE FROM tokens WHERE id IN (${past})`, now, TOKEN_RETENTION);
}
