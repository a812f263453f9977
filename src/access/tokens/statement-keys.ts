// Random keys of statements that only this cache reads: made when one is first needed, and kept.

import { randomBytes } from "node:crypto";
import type { Sqlite } from "../../platform/sqlite.ts";

/** In bytes: those of the hash that they key. */
const LENGTH = 32;

/** @returns it in base64url */
export function statementKey(database: Sqlite, purpose: "session" | "refresh"): string {
  const query = "SELECT key FROM statement_keys WHERE purpose = ?";
  const kept = database.first<{ key: string }>(query, purpose);
  if (kept) return kept.key;
  const made = randomBytes(LENGTH).toString("base64url");
  database.run("INSERT INTO statement_keys VALUES (?, ?)", purpose, made);
  return made;
}
