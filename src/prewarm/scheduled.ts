// Scheduled prewarming: starts the rules' prewarm entries when they are due.

import { USUAL_PLATFORMS } from "../config/prewarm.ts";
import type { Config } from "../config/read.ts";
import type { Sqlite } from "../platform/sqlite.ts";
import { insert, isRunning } from "./jobs.ts";
import { scheduledIn, timesOf } from "./schedule.ts";

/** Starts what has become due since the last call, unless its previous job is still running. `now` is in ms since the epoch.
 * Returns when the next entry is due; undefined if none is scheduled. */
export function beginScheduled(database: Sqlite, config: Config, now: number): number | undefined {
  const all = scheduledIn(config);
  for (const { key, who, entry, references, newest } of all) {
    const { last } = timesOf(entry, now);
    const query = "SELECT begun_at FROM schedules WHERE key = ?";
    const begunAt = database.first<{ begun_at: number }>(query, key)?.begun_at;
    // An entry seen for the first time starts at its next due time.
    if (begunAt !== undefined && last <= begunAt) continue;
    database.run("INSERT OR REPLACE INTO schedules VALUES (?, ?)", key, now);
    if (begunAt === undefined || isRunning(database, who)) continue;
    const platforms = entry.platforms ?? USUAL_PLATFORMS;
    const id = crypto.randomUUID();
    const { referrers } = entry;
    const job = { id, references, newest, platforms, priority: 0, who };
    insert(database, { ...job, ...(referrers !== undefined && { referrers }) }, now);
  }
  const nexts = all.map(({ entry }) => timesOf(entry, now).next);
  return nexts.length === 0 ? undefined : Math.min(...nexts);
}
