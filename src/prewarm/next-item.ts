// Next image of all running jobs.

import type { Sqlite } from "../platform/sqlite.ts";
import type { ItemRow } from "./jobs.ts";

/** An image to work on, with what its job says. */
export interface NextItem extends ItemRow {
  platforms: string[];
  referrers?: boolean;
  created_at: number;
}

/** The next image to work on that is not in progress, with its platforms. */
export function nextItem(
  database: Sqlite,
  inHand: ReadonlySet<string>,
  now: number,
): NextItem | undefined {
  const rows = database.all<
    ItemRow & { platforms: string; referrers: number | null; created_at: number }
  >(
    `SELECT items.*, platforms, referrers, created_at FROM items JOIN jobs ON jobs.id = items.job
       LEFT JOIN job_referrers ON job_referrers.job = items.job
     WHERE jobs.state = 'running' AND items.state IN ('waiting', 'working') AND next_at <= ?
     ORDER BY priority DESC, created_at, items.job, seq LIMIT ?`,
    now,
    inHand.size + 1,
  );
  const row = rows.find((one) => !inHand.has(keyOf(one)));
  if (!row) return undefined;
  const { platforms, referrers, ...item } = row;
  const given = referrers !== null && { referrers: referrers === 1 };
  return { ...item, platforms: JSON.parse(platforms), ...given };
}

export function keyOf({ job, seq }: Pick<ItemRow, "job" | "seq">): string {
  return `${job} ${seq}`;
}
