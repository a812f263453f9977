// Marks on images that a policy expires: set by a sweep, cleared by a pull, a pin or a policy that keeps the image.

import type { Digest } from "../../oci/digest.ts";
import type { Database } from "../database.ts";
import {
  countByRule,
  type Due,
  type Expired,
  type Marked,
  type RuleCount,
  type SweepRun,
} from "./contract.ts";

/** Marks images as expired and clears all other marks of the place. Images pulled since they were read are skipped. */
export function mark(
  database: Database,
  place: string,
  expired: Expired[],
  { now, run }: SweepRun,
): Marked {
  const id = database.placeIfKnown(place);
  if (id === undefined) return { marked: [], cleared: 0 };
  const byRule: RuleCount[] = [];
  const expiring = new Set<number>();
  for (const { digest, touched, policy, priority, reason } of expired) {
    const content = database.contentIfKnown(digest, "manifest");
    if (content === undefined) continue;
    expiring.add(content);
    const [changed] = database.all(
      `UPDATE images SET expired_at = ?, noticed_at = ?, policy = ?, priority = ?, reason = ?
       WHERE place = ? AND content = ? AND touched = ? AND expired_at IS NULL RETURNING content`,
      now,
      Date.now(),
      policy,
      priority,
      reason,
      id,
      content,
      touched,
    );
    if (!changed) continue;
    database.event({ at: now, run, what: "expired", place, digest, policy, priority, reason });
    countByRule(byRule, { policy, priority });
  }
  if (byRule.length > 0) database.countMarks();
  return { marked: byRule, cleared: clear(database, { place, id }, expiring, { now, run }) };
}

function clear(
  database: Database,
  { place, id }: { place: string; id: number },
  marked: ReadonlySet<number>,
  { now, run }: SweepRun,
): number {
  let cleared = 0;
  const query = `SELECT content, digest FROM images JOIN contents ON contents.id = content
    WHERE place = ? AND expired_at IS NOT NULL`;
  for (const { content, digest } of database.all<{ content: number; digest: Digest }>(query, id)) {
    if (marked.has(content)) continue;
    cleared += 1;
    const reason = "its policy no longer expires it";
    database.event({ at: now, run, what: "revived", place, digest, reason });
    unmark(database, id, content);
  }
  return cleared;
}

export function unmark(database: Database, place: number, content: number): void {
  database.run(
    `UPDATE images SET expired_at = NULL, noticed_at = NULL, policy = NULL, priority = NULL, reason = NULL
     WHERE place = ? AND content = ? AND expired_at IS NOT NULL`,
    place,
    content,
  );
}

export function dueImages(
  database: Database,
  before: number,
  after: Due | undefined,
  limit: number,
): Due[] {
  const query = `SELECT places.place, digest FROM images
    JOIN places ON places.id = images.place JOIN contents ON contents.id = content
    WHERE expired_at <= ?1 AND (places.place, digest) > (?2, ?3)
    ORDER BY places.place, digest LIMIT ?4`;
  return database.all<Due>(query, before, after?.place ?? "", after?.digest ?? "", limit);
}
