// Random keys for statements that only this cache reads: created at the first use, and stored.

import { randomBytes } from "node:crypto";
import type { Sqlite } from "../../platform/sqlite.ts";

/** In bytes: the length of the hash that uses them. */
const KEY_LENGTH = 32;

/** @returns the key in base64url */
export function statementKey(database: Sqlite, purpose: "session" | "refresh"): string {
  const query = "SELECT key FROM statement_keys WHERE purpose = ?";
  const kept = database.first<{ key: string }>(query, purpose);
  if (kept) return kept.key;
  const made = randomBytes(KEY_LENGTH).toString("base64url");
  database.run("INSERT INTO statement_keys VALUES (?, ?)", purpose, made);
  return made;
}
