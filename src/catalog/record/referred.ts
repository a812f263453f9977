// References: contents are kept while a place holds them or a cached manifest refers to them. Others are orphans: each
// has a date, is kept for the grace period from then on, and is collected after it.

import type { Database } from "../database.ts";

/** When and why a content became an orphan. */
export interface Orphaning {
  /** By the sweep's clock; 0 until the next sweep sets it. */
  at: number;
  /** By the real clock: content pulled after this gets a date of its own. */
  noticedAt: number;
  because: string;
}

/** Reason for deleting content that no image ever led to. */
export const UNREFERRED = "nothing in the cache refers to it";

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

/** Copies references between a digest's two kinds: what leads to it as a manifest leads to it as a blob too, and the
 * other way round. A descriptor's media type may be unknown or wrong; only the upstream that served it knows. Earlier
 * versions recorded an index of layers as leading to manifests. */
export function learnParents(database: Database, content: number): void {
  const learnt = database.all(
    `INSERT OR IGNORE INTO refs (parent, child, weak)
     SELECT parent, ?1, min(weak) FROM contents AS own JOIN contents AS other ON other.digest = own.digest AND other.id <> own.id
       JOIN refs ON child = other.id WHERE own.id = ?1 AND parent <> ?1 GROUP BY parent RETURNING parent`,
    content,
  );
  if (learnt.length > 0) adopt(database, content);
}

/** The same for the children of a manifest just recorded: digests of it that are known as the other kind. */
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

/** Marks a content as an orphan if nothing refers to it. */
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

/** Clears the orphan mark: something refers to it again. */
export function adopt(database: Database, content: number): void {
  database.run(
    `UPDATE contents SET orphaned_at = NULL, noticed_at = NULL, because = NULL
     WHERE id = ? AND orphaned_at IS NOT NULL`,
    content,
  );
}

/** Keeps the child for as long as the parent.
 * @param weak only that: the reference gives no right to read the child (catalog/record/linked) */
export function refer(database: Database, parent: number, child: number, weak = false): void {
  database.run(
    `INSERT INTO refs VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET weak = min(weak, excluded.weak)`,
    parent,
    child,
    weak ? 1 : 0,
  );
  adopt(database, child);
}

/** Drops the references of a manifest that is gone: its children are held by others or become orphans. Forgets contents
 * that are neither cached nor referred to. */
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
