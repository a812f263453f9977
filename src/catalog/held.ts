// Images that places hold: since they were pulled there, and until their policy has expired them. A pull takes the mark back.

import type { Digest } from "../oci/digest.ts";
import { addCounts } from "./counters.ts";
import type { Database } from "./database.ts";
import type { PulledImage, Report, Reported, TagFact } from "./facts.ts";
import { unmark } from "./images.ts";
import { takeNumbers } from "./numbers.ts";
import { adopt } from "./referred.ts";
import { tagOf } from "./tags.ts";

/** Holds what was found in R2 without a word of where it was pulled. */
const UNKNOWN = "?";

/** Its place holds it from now on, if not already; and it was pulled. */
export function hold(
  database: Database,
  place: string,
  content: number,
  { pushedAt, pulledAt }: { pushedAt: number; pulledAt: number },
): void {
  const isHeld = () => database.has("SELECT 1 FROM images WHERE content = ?", content);
  if (place === "" && isHeld()) return;
  const unknown = place === "" ? undefined : database.placeIfKnown(UNKNOWN);
  // Where it belongs is known by now.
  if (unknown !== undefined)
    database.run("DELETE FROM images WHERE place = ? AND content = ?", unknown, content);
  const id = database.place(place || UNKNOWN);
  database.run(
    "INSERT OR IGNORE INTO images (place, content, pushed_at, touched) VALUES (?, ?, ?, 0)",
    id,
    content,
    pushedAt,
  );
  adopt(database, content);
  touch(database, id, content, pulledAt);
}

/** A place holds what a tag of it means, if that is here: it may be known from another place. */
export function holdTagged(database: Database, { place, digest }: TagFact, now: number): void {
  const query =
    "SELECT id, cached_at AS at FROM contents WHERE digest = ? AND kind = 'manifest' AND present";
  const content = database.first<{ id: number; at: number }>(query, digest);
  if (content) hold(database, place, content.id, { pushedAt: content.at, pulledAt: now });
}

/** A pull counts for the image, for what leads to it in this place, and for what it leads to there: a child's for its index, an
 * index's for the children that were pulled through it. */
function touch(database: Database, place: number, content: number, at: number): void {
  const touched = database.all<{ content: number; expired_at: number | null }>(
    `WITH RECURSIVE
       up (id) AS (SELECT ?2 UNION SELECT parent FROM up JOIN refs ON child = up.id),
       down (id) AS (SELECT ?2 UNION SELECT child FROM down JOIN refs ON parent = down.id),
       family (id) AS (SELECT id FROM up UNION SELECT id FROM down)
     SELECT content, expired_at FROM family CROSS JOIN images ON content = family.id AND place = ?1`,
    place,
    content,
  );
  for (const image of touched) {
    database.run(
      `UPDATE images SET pulled_at = max(coalesce(pulled_at, 0), ?), touched = touched + 1
       WHERE place = ? AND content = ?`,
      at,
      place,
      image.content,
    );
    database.run(
      "UPDATE tags SET doomed = NULL WHERE place = ? AND content = ?",
      place,
      image.content,
    );
    if (image.expired_at === null) continue;
    unmark(database, place, image.content);
    revived(database, place, image.content, at);
  }
}

function revived(database: Database, place: number, content: number, at: number): void {
  const { digest } = database.one<{ digest: Digest }>(
    "SELECT digest FROM contents WHERE id = ?",
    content,
  );
  const { name } = database.one<{ name: string }>(
    "SELECT place AS name FROM places WHERE id = ?",
    place,
  );
  database.event({
    at,
    what: "revived",
    place: name,
    digest,
    reason: "it was pulled in its grace",
  });
  database.setState("revived", (database.state<number>("revived") ?? 0) + 1);
}

export function takeReport(database: Database, report: Report): Reported {
  const { images, blobs, counts } = report;
  takeNumbers(database, report);
  const lost = images.filter((image) => !pulled(database, image));
  const lostBlobs = blobs
    .filter(({ digest, at }) => !blobPulled(database, digest, at))
    .map(({ digest }) => digest);
  addCounts(database, counts);
  return { marks: database.marks, lost, lostBlobs };
}

/** @returns whether it is here, with its tag, and not being deleted; or was, until it was deleted after that */
function pulled(database: Database, { place, digest, tag, at }: PulledImage): boolean {
  const content = database.first<{ id: number; going: number | null }>(
    "SELECT id, going FROM contents WHERE digest = ? AND kind = 'manifest' AND present",
    digest,
  );
  if (!content) return isDeletedSince(database, digest, at);
  const known = tag === undefined ? undefined : tagOf(database, place, tag);
  const isTagKnown = tag === undefined || (known !== undefined && known.doomed === null);
  hold(database, place, content.id, { pushedAt: at, pulledAt: at });
  return content.going === null && isTagKnown;
}

/** One that nothing refers to is left alone for another grace.
 * @returns whether it is here, and not being deleted */
function blobPulled(database: Database, digest: Digest, at: number): boolean {
  const [blob] = database.all<{ going: number | null }>(
    `UPDATE contents SET pulled_at = max(coalesce(pulled_at, 0), ?2),
       orphaned_at = CASE WHEN ?2 > noticed_at THEN min(orphaned_at, 0) ELSE orphaned_at END
     WHERE digest = ?1 AND kind = 'blob' AND present RETURNING going`,
    digest,
    at,
  );
  return blob ? blob.going === null : isDeletedSince(database, digest, at);
}

/** That it was pulled is told late: it was here then, and its time was over. */
function isDeletedSince(database: Database, digest: Digest, at: number): boolean {
  return database.has(
    "SELECT 1 FROM events WHERE digest = ? AND clock >= ? AND what IN ('manifest', 'blob')",
    digest,
    at,
  );
}
