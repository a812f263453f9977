// The beginning of what rules have prewarmed: each once at its time.

import { USUAL_PLATFORMS } from "../config/prewarm.ts";
import type { Config } from "../config/read.ts";
import type { Sqlite } from "../platform/sqlite.ts";
import { insert, isRunning } from "./jobs.ts";
import { scheduledIn, timesOf } from "./schedule.ts";

/** Begins what has come due since it was looked at last, unless it is still at work.
 * @param now in ms since the epoch @returns when something is due next; undefined where nothing is scheduled */
export function beginScheduled(database: Sqlite, config: Config, now: number): number | undefined {
  const all = scheduledIn(config);
  for (const { key, who, entry, references, newest } of all) {
    const { last } = timesOf(entry, now);
    const query = "SELECT begun_at FROM schedules WHERE key = ?";
    const begunAt = database.first<{ begun_at: number }>(query, key)?.begun_at;
    // What is seen for the first time begins with its next time.
    if (begunAt !== undefined && last <= begunAt) continue;
    database.run("INSERT OR REPLACE INTO schedules VALUES (?, ?)", key, now);
    if (begunAt === undefined || isRunning(database, who)) continue;
    const platforms = entry.platforms ?? USUAL_PLATFORMS;
    const id = crypto.randomUUID();
    insert(database, { id, references, newest, platforms, priority: 0, who }, now);
  }
  const nexts = all.map(({ entry }) => timesOf(entry, now).next);
  return nexts.length === 0 ? undefined : Math.min(...nexts);
}
