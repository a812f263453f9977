// Deletion by an administrator: an image leaves its place at once, and its contents are collected like those of expired
// images. Pinned images, and images that others lead to, are refused in the same transaction.

import type { Digest } from "../../oci/digest.ts";
import type { Database } from "../database.ts";
import { happened } from "../record/numbers.ts";
import { keyOf, tagOf } from "../record/tags.ts";
import { release } from "./collecting.ts";
import type { RemovedImage, Removing } from "./contract.ts";
import { keptByPins } from "./pins.ts";
import { freedBy } from "./releasing.ts";

/** A deletion that an administrator asked for. */
interface Deletion {
  /** The administrator, for the log. */
  who: string;
  /** Whether pinned images are deleted too. */
  force: boolean;
  now: number;
}

/** Deletes a tag, and the image with its last tag; or an image with all its tags. Repeated, it continues where an
 * earlier call stopped.
 * @returns undefined if the image is not in the place */
export function removeImage(
  database: Database,
  place: string,
  reference: { tag: string } | { digest: Digest },
  { who, force, now }: Deletion,
): Removing | undefined {
  const pid = database.placeIfKnown(place);
  if (pid === undefined) return undefined;
  const tag = "tag" in reference ? reference.tag : undefined;
  const digest =
    "tag" in reference ? tagOf(database, place, reference.tag)?.digest : reference.digest;
  const content = digest && database.contentIfKnown(digest, "manifest");
  if (digest === undefined || content === undefined) return undefined;
  const because = `deleted by ${who}`;
  const isTagPinned =
    tag !== undefined &&
    database.has("SELECT 1 FROM pins WHERE place = ? AND reference = ?", place, tag);
  if (isTagPinned && !force) return { refused: "pinned" };
  const others = database.has(
    "SELECT 1 FROM tags WHERE place = ? AND content = ? AND tag <> ? AND doomed IS NULL",
    pid,
    content,
    tag ?? "",
  );
  if (tag !== undefined && others) {
    database.run("UPDATE tags SET doomed = ? WHERE key = ?", because, keyOf(place, tag));
    return { digest, left: false, doomed: [{ place, tag, digest }], freed: 0 };
  }
  const isHeld = () =>
    database.has("SELECT 1 FROM images WHERE place = ? AND content = ?", pid, content);
  if (!isHeld()) return remainingTags(database, { place, pid }, { content, digest });
  if (tag === undefined) {
    // The image would stay as part of the other one, even with `force`.
    const by = leaderOf(database, pid, content);
    if (by !== undefined) return { refused: "led to", by };
  }
  if (!force && keptByPins(database, place, pid).has(content)) return { refused: "pinned" };
  const freed = freedBy(database, [{ place, digest }]);
  const clock = Date.now();
  const image = {
    content,
    place: pid,
    at: now,
    noticed: clock,
    policy: "",
    priority: 0,
    reason: because,
  };
  const released = release(database, image, `${place}@${digest} was ${because}`);
  database.countMarks();
  const doomed = released.map((one) => ({ place, ...one }));
  if (isHeld()) return { digest, left: false, doomed, freed };
  const tags = released.map((one) => one.tag);
  database.event({ at: now, what: "image", place, digest, tags, reason: because });
  happened(database, { what: "image.expired", at: now, place, digest, detail: because });
  return { digest, left: true, doomed, freed };
}

/** Remaining tags of an image that has left its place: its deletion was interrupted before they were deleted. */
function remainingTags(
  database: Database,
  { place, pid }: { place: string; pid: number },
  { content, digest }: { content: number; digest: Digest },
): RemovedImage | undefined {
  const was = `${place}@${digest} was deleted`;
  const doomed = database.all<{ tag: string; digest: Digest }>(
    `SELECT tag, digest FROM tags JOIN contents ON contents.id = content
     WHERE tags.place = ?1 AND doomed IS NOT NULL AND (content = ?2 OR substr(doomed, 1, length(?3)) = ?3)`,
    pid,
    content,
    was,
  );
  if (doomed.length === 0) return undefined;
  return { digest, left: true, doomed: doomed.map((one) => ({ place, ...one })), freed: 0 };
}

/** Digest of an image of the place that leads to it: an index, or the subject of a referrer. */
function leaderOf(database: Database, pid: number, content: number): Digest | undefined {
  const query = `SELECT digest FROM refs CROSS JOIN images ON images.content = parent AND images.place = ?
    JOIN contents ON contents.id = parent WHERE child = ? LIMIT 1`;
  return database.first<{ digest: Digest }>(query, pid, content)?.digest;
}
