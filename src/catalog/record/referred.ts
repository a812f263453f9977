// Whether something is referred to: by a place that holds it, or by a manifest that is here. What is not is an orphan, which has a
// date: from then on it is left alone for the grace, and then collected.

import type { Database } from "../database.ts";

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
  learnParents(database, content);
  return (
    database.has("SELECT 1 FROM images WHERE content = ?", content) ||
    database.has(
      "SELECT 1 FROM refs JOIN contents ON contents.id = parent WHERE child = ? AND present",
      content,
    )
  );
}

/** What leads to a digest leads to it whichever it is here as: a descriptor says so in its media type, which may be unknown, or wrong; the
 * upstream that gave it as a manifest or as a blob knows. An index of layers, as earlier versions told it, led to manifests. */
export function learnParents(database: Database, content: number): void {
  const learnt = database.all(
    `INSERT OR IGNORE INTO refs (parent, child, weak)
     SELECT parent, ?1, min(weak) FROM contents AS own JOIN contents AS other ON other.digest = own.digest AND other.id <> own.id
       JOIN refs ON child = other.id WHERE own.id = ?1 AND parent <> ?1 GROUP BY parent RETURNING parent`,
    content,
  );
  if (learnt.length > 0) adopt(database, content);
}

/** The same the other way round, of a manifest that has just been told: what of its digests is here as the other kind. */
export function learnChildren(database: Database, parent: number): void {
  const learnt = database.all<{ child: number }>(
    `INSERT OR IGNORE INTO refs (parent, child, weak)
     SELECT parent, other.id, min(weak) FROM refs JOIN contents AS one ON one.id = child
       JOIN contents AS other ON other.digest = one.digest AND other.id <> one.id
       WHERE parent = ?1 AND other.id <> ?1 GROUP BY other.id RETURNING child`,
    parent,
  );
  for (const { child } of learnt) adopt(database, child);
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
