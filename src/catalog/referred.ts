// Whether something is referred to: by a place that holds it, or by a manifest that is here. What is not is an orphan, which has a
// date: from then on it is left alone for the grace, and then collected.

import type { Database } from "./database.ts";

/** Since when and why something is not referred to any more. */
export interface Orphaning {
  /** By the sweep's clock; 0 where the next sweep dates it. */
  at: number;
  /** By the real clock: what was pulled after that gets a date of its own. */
  noticedAt: number;
  because: string;
}

/** Why something goes that no image ever led to. */
export const UNREFERRED = "nothing that is cached refers to it";

export function isReferred(database: Database, content: number): boolean {
  return (
    database.has("SELECT 1 FROM images WHERE content = ?", content) ||
    database.has(
      "SELECT 1 FROM refs JOIN contents ON contents.id = parent WHERE child = ? AND present",
      content,
    )
  );
}

/** Notices that it is an orphan, if it is. */
export function orphan(database: Database, content: number, orphaning: Orphaning): void {
  if (isReferred(database, content)) return;
  const { at, noticedAt, because } = orphaning;
  database.run(
    `UPDATE contents SET because = ?2, noticed_at = ?4,
       orphaned_at = CASE WHEN coalesce(pulled_at, 0) > ?4 THEN 0 ELSE ?3 END
     WHERE id = ?1 AND orphaned_at IS NULL`,
    content,
    because,
    at,
    noticedAt,
  );
}

/** It is referred to again. */
export function adopt(database: Database, content: number): void {
  database.run(
    `UPDATE contents SET orphaned_at = NULL, noticed_at = NULL, because = NULL
     WHERE id = ? AND orphaned_at IS NOT NULL`,
    content,
  );
}

/** The child stays while the parent does.
 * @param weak that is all that it says: it gives nobody a right to the child (catalog/linked) */
export function refer(database: Database, parent: number, child: number, weak = false): void {
  database.run(
    `INSERT INTO refs VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET weak = min(weak, excluded.weak)`,
    parent,
    child,
    weak ? 1 : 0,
  );
  adopt(database, child);
}

/** A manifest is not here any more: what it led to is led to by others, or an orphan. What is known of contents that are not here
 * either, and are referred to by nothing, is forgotten. */
export function releaseChildren(database: Database, parent: number, orphaning: Orphaning): void {
  const query = "DELETE FROM refs WHERE parent = ? RETURNING child";
  const children = database.all<{ child: number }>(query, parent);
  for (const { child } of children) {
    orphan(database, child, orphaning);
    forgetIfAbsent(database, child);
  }
  forgetIfAbsent(database, parent);
}

function forgetIfAbsent(database: Database, content: number): void {
  database.run(
    `DELETE FROM contents WHERE id = ?1 AND NOT present
       AND NOT EXISTS (SELECT 1 FROM refs WHERE child = ?1 OR parent = ?1)
       AND NOT EXISTS (SELECT 1 FROM tags WHERE content = ?1)
       AND NOT EXISTS (SELECT 1 FROM images WHERE content = ?1)`,
    content,
  );
}
