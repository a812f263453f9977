// Audit log as stored: the actions of administrators, newest kept.

import type { Sqlite } from "../platform/sqlite.ts";
import type { Action } from "./contract.ts";

const MAX_ACTIONS = 100_000;

export function recordAction(database: Sqlite, who: string, what: string, now: number): void {
  database.run("INSERT INTO actions (at, who, what) VALUES (?, ?, ?)", now, who, what);
  database.run("DELETE FROM actions WHERE id <= (SELECT max(id) FROM actions) - ?", MAX_ACTIONS);
}

/** Newest first. @param before id of the last entry of the previous page */
export function actionsBefore(
  database: Sqlite,
  before: number | undefined,
  limit: number,
): Action[] {
  return database.all<Action>(
    "SELECT * FROM actions WHERE id < ? ORDER BY id DESC LIMIT ?",
    before ?? Number.MAX_SAFE_INTEGER,
    limit,
  );
}
