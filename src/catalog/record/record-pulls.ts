// Images in places: from when they are cached until their policy expires them. A pull clears the expiry mark, and so
// does a HEAD or a 304 of an image that was pulled before.

import type { Digest } from "../../oci/digest.ts";
import type { Database } from "../database.ts";
import { unmark } from "../sweep/marks.ts";
import type { CheckedImage, PulledImage, Report, Reported, TagFact } from "./contract.ts";
import { addCounts } from "./counters.ts";
import { countPulls } from "./image-pulls.ts";
import { takeNumbers } from "./numbers.ts";
import { adopt } from "./referred.ts";
import { recall, type TimesRow } from "./remembered.ts";
import { tagOf, tellTag } from "./tags.ts";

/** Place of manifests found in R2 without a record of where they were pulled. */
const UNKNOWN = "?";
/** Interval in ms within which a further HEAD or 304 is not recorded: nodes of a fleet send one every few minutes, each
 * through its own isolate. */
const CHECK_INTERVAL = 30 * 60_000;

/** Known times of an image, in ms since the epoch. */
interface Times {
  pushedAt: number;
  pulledAt?: number;
  /** Since when the last pull is unknown. */
  unknownSince?: number;
}

/** Adds the image to its place unless it is there: with its times from before a rebuild, else with these.
 * @returns number of the place; undefined if `place` is "" and other places hold the image */
export function hold(
  database: Database,
  place: string,
  content: number,
  times: Times,
): number | undefined {
  const isHeld = () => database.has("SELECT 1 FROM images WHERE content = ?", content);
  if (place === "" && isHeld()) return undefined;
  const nowhere = place === "" ? undefined : database.placeIfKnown(UNKNOWN);
  // Its place is known now.
  const [before] =
    nowhere === undefined
      ? []
      : database.all<TimesRow>(
          "DELETE FROM images WHERE place = ? AND content = ? RETURNING pushed_at, pulled_at, unknown_since",
          nowhere,
          content,
        );
  const id = database.place(place || UNKNOWN);
  if (!database.has("SELECT 1 FROM images WHERE place = ? AND content = ?", id, content)) {
    const row = recall(database, place || UNKNOWN, content) ?? before ?? rowOf(times);
    database.run(
      `INSERT INTO images (place, content, pushed_at, pulled_at, unknown_since, touched) VALUES (?, ?, ?, ?, ?, 0)`,
      id,
      content,
      row.pushed_at,
      row.pulled_at,
      row.unknown_since,
    );
  }
  adopt(database, content);
  return id;
}

function rowOf({ pushedAt, pulledAt, unknownSince }: Times): TimesRow {
  return {
    pushed_at: pushedAt,
    pulled_at: pulledAt ?? null,
    unknown_since: unknownSince ?? null,
  };
}

/** Records what a tag means, and adds the manifest to the tag's place. */
export function recordTag(database: Database, fact: TagFact): void {
  tellTag(database, fact);
  if (!fact.gone) holdTagged(database, fact);
}

/** Adds the manifest that a tag points to, if it is cached, to the tag's place; it may be known from another place only.
 * @param unknownSince set if the tag was found in R2, not checked just now */
export function holdTagged(
  database: Database,
  { place, digest }: TagFact,
  unknownSince?: number,
): void {
  const query =
    "SELECT id, cached_at AS at FROM contents WHERE digest = ? AND kind = 'manifest' AND present";
  const content = database.first<{ id: number; at: number }>(query, digest);
  if (!content) return;
  const unknown = unknownSince === undefined ? {} : { unknownSince };
  hold(database, place, content.id, { pushedAt: content.at, ...unknown });
}

/** An image in a place, by their numbers. */
interface HeldContent {
  place: number;
  content: number;
}

/** Records a pull for the image, for what leads to it in this place, and for what it leads to there: a child's pull
 * counts for its index, an index's for its children.
 * @param isCheck a HEAD or a 304: an image that was never pulled stays so */
function touch(
  database: Database,
  { place, content }: HeldContent,
  at: number,
  isCheck = false,
): void {
  const touched = database.all<{ content: number; expired_at: number | null }>(
    `WITH RECURSIVE
       up (id) AS (SELECT ?2 UNION SELECT parent FROM up JOIN refs ON child = up.id),
       down (id) AS (SELECT ?2 UNION SELECT child FROM down JOIN refs ON parent = down.id),
       family (id) AS (SELECT id FROM up UNION SELECT id FROM down)
     SELECT content, expired_at FROM family CROSS JOIN images ON content = family.id AND place = ?1
     ${isCheck ? "WHERE coalesce(pulled_at, unknown_since) IS NOT NULL" : ""}`,
    place,
    content,
  );
  for (const image of touched) {
    database.run(
      `UPDATE images SET pulled_at = max(coalesce(pulled_at, 0), ?), unknown_since = NULL, touched = touched + 1
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
    reason: "pulled during its grace period",
  });
  database.setState("revived", (database.state<number>("revived") ?? 0) + 1);
}

export function takeReport(database: Database, report: Report): Reported {
  const { images, blobs, counts, checked = [] } = report;
  takeNumbers(database, report);
  const lost = images.filter((image) => !pulled(database, image));
  for (const image of checked) noteCheck(database, image);
  const lostBlobs = blobs
    .filter(({ digest, at }) => !blobPulled(database, digest, at))
    .map(({ digest }) => digest);
  addCounts(database, counts);
  countPulls(database, report);
  return { marks: database.marks, lost, lostBlobs };
}

/** @returns whether the image and its tag are cached and not being deleted, or were deleted only after the pull */
function pulled(database: Database, { place, digest, tag, at }: PulledImage): boolean {
  const content = database.first<{ id: number; going: number | null }>(
    "SELECT id, going FROM contents WHERE digest = ? AND kind = 'manifest' AND present",
    digest,
  );
  if (!content) return isDeletedSince(database, digest, at);
  const known = tag === undefined ? undefined : tagOf(database, place, tag);
  const isTagKnown = tag === undefined || (known !== undefined && known.doomed === null);
  const id = hold(database, place, content.id, { pushedAt: at });
  if (id !== undefined) touch(database, { place: id, content: content.id }, at);
  return content.going === null && isTagKnown;
}

/** Records a HEAD or a 304 as use of an image that was pulled, or may have been. */
function noteCheck(database: Database, { place, digest, at }: CheckedImage): void {
  const id = database.placeIfKnown(place);
  const content = database.contentIfKnown(digest, "manifest");
  if (id === undefined || content === undefined) return;
  const isDue = database.has(
    `SELECT 1 FROM images WHERE place = ?1 AND content = ?2 AND coalesce(pulled_at, unknown_since) IS NOT NULL
       AND (coalesce(pulled_at, 0) < ?3 OR expired_at IS NOT NULL)`,
    id,
    content,
    at - CHECK_INTERVAL,
  );
  if (isDue) touch(database, { place: id, content }, at, true);
}

/** An unreferenced blob gets a new grace period.
 * @returns whether the blob is cached and not being deleted, or was deleted only after the pull */
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

/** Whether it was deleted after a pull that is reported late: the deletion was due. */
function isDeletedSince(database: Database, digest: Digest, at: number): boolean {
  return database.has(
    "SELECT 1 FROM events WHERE digest = ? AND clock >= ? AND what IN ('manifest', 'blob')",
    digest,
    at,
  );
}
