// Images that somebody has deleted: they leave their place at once, and their contents as those of what has expired do.

import type { Digest } from "../oci/digest.ts";
import { release } from "./collecting.ts";
import type { Database } from "./database.ts";
import { freedBy } from "./freed.ts";
import { happened } from "./numbers.ts";
import type { Doomed } from "./sweeping.ts";
import { keyOf, tagOf } from "./tags.ts";

export interface RemovedImage {
  digest: Digest;
  /** The image itself leaves, and not merely one of its tags. */
  left: boolean;
  /** Tags that are to be deleted, which their objects do. */
  doomed: Doomed[];
  /** In bytes, of what nothing refers to then. */
  freed: number;
}

/** Of a tag, and with its last tag of the image; or of an image with all its tags.
 * @param who has said so @returns undefined where it is not here */
export function removeImage(
  database: Database,
  place: string,
  reference: { tag: string } | { digest: Digest },
  who: string,
  now: number,
): RemovedImage | undefined {
  const pid = database.placeIfKnown(place);
  if (pid === undefined) return undefined;
  const tag = "tag" in reference ? reference.tag : undefined;
  const digest =
    "tag" in reference ? tagOf(database, place, reference.tag)?.digest : reference.digest;
  const content = digest && database.contentIfKnown(digest, "manifest");
  if (digest === undefined || content === undefined) return undefined;
  const because = `deleted by ${who}`;
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
  const isHeld = database.has("SELECT 1 FROM images WHERE place = ? AND content = ?", pid, content);
  if (!isHeld) return undefined;
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
  const tags = release(database, image, `${place}@${digest} was ${because}`);
  const event = { at: now, what: "image", place, digest, tags, reason: because } as const;
  database.event(event);
  happened(database, { what: "image.expired", at: now, place, digest, detail: because });
  database.countMarks();
  return { digest, left: true, doomed: tags.map((one) => ({ place, tag: one, digest })), freed };
}
