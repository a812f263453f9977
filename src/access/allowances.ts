// Allowances as stored: digests that pass the checks of trust until a time (break-glass), with who allowed and who confirmed them.

import type { Sqlite } from "../platform/sqlite.ts";
import type { Allowance } from "../policy/trust.ts";
import { recordAction } from "./actions.ts";
import type { NewAllowance } from "./contract.ts";

/** Maximum number of allowances, all of which every isolate keeps in memory. */
const MAX_ALLOWANCES = 1_000;

interface AllowanceRow {
  digest: string;
  until: number;
  reason: string;
  who: string;
  at: number;
  confirmed_by: string | null;
}

const COLUMNS = "digest, until, reason, who, at, confirmed_by";

/** Those that have not ended, by digest. */
export function currentAllowances(database: Sqlite, now: number): Allowance[] {
  return database
    .all<AllowanceRow>(
      `SELECT ${COLUMNS} FROM allowances WHERE until > ? ORDER BY digest LIMIT ?`,
      now,
      MAX_ALLOWANCES,
    )
    .map(allowanceOf);
}

/** Replaces the digest's allowance, with its confirmation, and deletes those that have ended. False where there are too many. */
export function allow(database: Sqlite, allowance: NewAllowance): boolean {
  const { digest, until, reason, who, at } = allowance;
  // The call was made before, and its answer lost.
  const same = "SELECT 1 FROM allowances WHERE digest = ? AND until = ? AND who = ? AND at = ?";
  if (database.has(same, digest, until, who, at)) return true;
  database.run("DELETE FROM allowances WHERE until <= ?", at);
  const { count } = database.one<{ count: number }>(
    "SELECT count(*) AS count FROM allowances WHERE digest <> ?",
    digest,
  );
  if (count >= MAX_ALLOWANCES) return false;
  const row = `INSERT OR REPLACE INTO allowances (${COLUMNS}) VALUES (?, ?, ?, ?, ?, NULL)`;
  database.run(row, digest, until, reason, who, at);
  const end = new Date(until).toISOString();
  recordAction(database, who, `allowed ${digest} until ${end}: ${reason}`, at);
  return true;
}

/** Unchanged where the same person added it, it is confirmed, or it is not the one added at `confirmation.at`; undefined where there is
 * none. */
export function confirmAllowance(
  database: Sqlite,
  digest: string,
  { who, at }: { who: string; at?: number | undefined },
  now: number,
): Allowance | undefined {
  const allowance = allowanceAt(database, digest, now);
  if (!allowance || allowance.who === who || allowance.confirmedBy !== undefined) return allowance;
  if (at !== undefined && allowance.at !== at) return allowance;
  const change = "UPDATE allowances SET confirmed_by = ?, confirmed_at = ? WHERE digest = ?";
  database.run(change, who, now, digest);
  recordAction(database, who, `confirmed the allowance of ${digest} by ${allowance.who}`, now);
  return { ...allowance, confirmedBy: who };
}

/** @returns the one that was deleted; undefined where there was none */
export function removeAllowance(
  database: Sqlite,
  digest: string,
  who: string,
  now: number,
): Allowance | undefined {
  const allowance = allowanceAt(database, digest, now);
  if (!allowance) return undefined;
  database.run("DELETE FROM allowances WHERE digest = ?", digest);
  recordAction(database, who, `removed the allowance of ${digest}`, now);
  return allowance;
}

function allowanceAt(database: Sqlite, digest: string, now: number): Allowance | undefined {
  const row = database.first<AllowanceRow>(
    `SELECT ${COLUMNS} FROM allowances WHERE digest = ? AND until > ?`,
    digest,
    now,
  );
  return row && allowanceOf(row);
}

function allowanceOf({ confirmed_by, ...row }: AllowanceRow): Allowance {
  return { ...row, ...(confirmed_by !== null && { confirmedBy: confirmed_by }) };
}
