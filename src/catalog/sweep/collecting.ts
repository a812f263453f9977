// Collection: after the grace period images leave their places, then their tags are deleted, then manifests, then
// blobs. The catalog only decides: the fill objects delete, and report the outcome.

import type { Digest } from "../../oci/digest.ts";
import type { Database } from "../database.ts";
import { forgetHolds } from "../record/holds.ts";
import { happened } from "../record/numbers.ts";
import {
  adopt,
  isReferred,
  type Orphaning,
  orphan,
  releaseChildren,
  UNREFERRED,
} from "../record/referred.ts";
import { keyOf, tagOf } from "../record/tags.ts";
import type {
  Condemned,
  ContentKind,
  Doomed,
  Due,
  Leftover,
  Removal,
  SweepRun,
} from "./contract.ts";
import { countDeleted, type Deleted, tellDeleted } from "./deleted.ts";
import { unmark } from "./marks.ts";
import { keptByPins } from "./pins.ts";
import { type Held, Releasing } from "./releasing.ts";

export interface MarkedImage {
  content: number;
  place: number;
  at: number;
  noticed: number;
  policy: string;
  priority: number;
  reason: string;
}

export function take(
  database: Database,
  images: Due[],
  before: number,
  { now, run }: SweepRun,
): void {
  let taken = 0;
  for (const { place, digest } of images) {
    const image = database.first<MarkedImage>(
      `SELECT content, images.place, expired_at AS at, images.noticed_at AS noticed, policy, priority, reason
       FROM images JOIN places ON places.id = images.place JOIN contents ON contents.id = content
       WHERE places.place = ? AND digest = ? AND kind = 'manifest' AND expired_at <= ?`,
      place,
      digest,
      before,
    );
    if (!image) continue;
    // Pinned since it was marked.
    if (keptByPins(database, place, image.place).has(image.content)) {
      unmark(database, image.place, image.content);
      continue;
    }
    taken += 1;
    const { policy, priority, reason } = image;
    const released = release(database, image, `${place}@${digest} expired: ${reason}`);
    const tags = released.map(({ tag }) => tag);
    countDeleted(database, run, "images");
    database.event({ at: now, run, what: "image", place, digest, tags, policy, priority, reason });
    happened(database, { what: "image.expired", at: now, place, digest, detail: reason });
  }
  if (taken > 0) database.countMarks();
}

/** A tag to delete: the image's own, or a referrer's, which points to another digest. */
interface Released {
  tag: string;
  digest: Digest;
}

/** Removes an image from its place, with what goes along, and dooms its tags.
 * @returns the doomed tags */
export function release(database: Database, image: MarkedImage, because: string): Released[] {
  const releasing = new Releasing(database);
  releasing.release(image.place, image.content);
  const query = `UPDATE tags SET doomed = ?1 WHERE place = ?2 AND content = ?3
    RETURNING tag, (SELECT digest FROM contents WHERE id = ?3) AS digest`;
  const tags = [...releasing.untagged].flatMap(({ place, content }) =>
    database.all<Released>(query, because, place, content),
  );
  unmark(database, image.place, image.content); // it may stay, as a child of another image
  const leave = ({ place, content }: Held) => {
    database.run("DELETE FROM images WHERE place = ? AND content = ?", place, content);
  };
  for (const held of releasing.leaving) leave(held);
  const orphaning = { at: image.at, noticedAt: image.noticed, because };
  for (const { content } of releasing.leaving) orphan(database, content, orphaning);
  return tags;
}

export function doomedTags(database: Database, limit: number): Doomed[] {
  const query = `SELECT places.place, tag, digest FROM tags
    JOIN places ON places.id = tags.place JOIN contents ON contents.id = content
    WHERE doomed IS NOT NULL LIMIT ?`;
  return database.all<Doomed>(query, limit);
}

export function tagGone(
  database: Database,
  { place, tag, digest }: Doomed,
  deleted: boolean,
  { now, run }: SweepRun,
): boolean {
  const known = tagOf(database, place, tag);
  if (known?.digest !== digest) return false;
  if (known.doomed === null) return deleted; // pulled while it was being deleted
  database.run("DELETE FROM tags WHERE key = ?", keyOf(place, tag));
  forgetHolds(database, place, tag);
  if (!deleted) return false;
  countDeleted(database, run, "tags");
  const reason = known.doomed;
  database.event({ at: now, run, what: "tag", place, digest, tags: [tag], reason });
  return false;
}

export function dateOrphans(database: Database, now: number): void {
  const query =
    "UPDATE contents SET orphaned_at = ?, noticed_at = ? WHERE kind = ? AND orphaned_at = 0 AND present RETURNING id";
  const kinds: ContentKind[] = ["manifest", "blob"];
  const dated = kinds.flatMap((kind) => database.all(query, now, Date.now(), kind));
  if (dated.length > 0) database.countMarks();
}

export function condemn(
  database: Database,
  kind: ContentKind,
  before: number,
  limit: number,
): Condemned[] {
  const condemned: Condemned[] = [];
  while (condemned.length < limit) {
    const due = database.all<{ id: number; digest: Digest }>(
      `SELECT id, digest FROM contents WHERE kind = ? AND orphaned_at > 0 AND orphaned_at <= ? AND present
         AND NOT EXISTS (SELECT 1 FROM tags WHERE content = contents.id AND doomed IS NOT NULL) -- its tag goes first
       ORDER BY orphaned_at LIMIT ?`,
      kind,
      before,
      limit,
    );
    const open = due.filter(({ id }) => {
      if (!isReferred(database, id)) return true;
      spare(database, id);
      return false;
    });
    // The whole page is referred to again; `spare` has taken it out of the query.
    if (open.length === 0 && due.length > 0) continue;
    for (const { id, digest } of open) {
      database.run("UPDATE contents SET going = coalesce(going, 0) + 1 WHERE id = ?", id);
      condemned.push({ digest, kind });
    }
    break;
  }
  return condemned;
}

function spare(database: Database, id: number): void {
  database.run("UPDATE contents SET going = NULL WHERE id = ?", id);
  adopt(database, id);
}

export function removed(database: Database, removals: Removal[], sweepRun: SweepRun): void {
  for (const { digest, kind, outcome, found } of removals) {
    const content = database.first<Deleted & CondemnedRow>(
      `SELECT id, digest, kind, size, attempt, because, going, orphaned_at, noticed_at FROM contents
       WHERE digest = ? AND kind = ? AND present AND going IS NOT NULL`,
      digest,
      kind,
    );
    // Fetched again meanwhile, as its fill object has reported.
    if (!content) continue;
    if (outcome === "busy") {
      // Gets a new date if it stays an orphan.
      const query = "UPDATE contents SET going = NULL, orphaned_at = 0 WHERE id = ?";
      database.run(query, content.id);
      continue;
    }
    // An earlier run may have deleted it without reporting it.
    if (found || content.going > 1) tellDeleted(database, content, sweepRun);
    const { orphaned_at: at, noticed_at: noticedAt, because } = content;
    forget(database, content.id, { at, noticedAt, because: because ?? UNREFERRED });
  }
}

interface CondemnedRow {
  going: number;
  orphaned_at: number;
  noticed_at: number;
}

/** Records that a content is no longer cached. */
export function forget(database: Database, id: number, orphaning: Orphaning): void {
  database.run(
    "DELETE FROM verdicts WHERE digest = (SELECT digest FROM contents WHERE id = ? AND kind = 'manifest')",
    id,
  );
  database.run(
    `UPDATE contents SET present = 0, going = NULL, orphaned_at = NULL, noticed_at = NULL, because = NULL, generation = NULL
     WHERE id = ?`,
    id,
  );
  // Added to a place again while it was being deleted: the report of that pull is answered with `lost`.
  database.run("DELETE FROM images WHERE content = ?", id);
  releaseChildren(database, id, orphaning);
}

export function leftoversOf(database: Database, before: number, limit: number): Leftover[] {
  // Published since they were listed.
  database.run(
    `DELETE FROM leftovers WHERE EXISTS (SELECT 1 FROM contents
       WHERE digest = leftovers.digest AND attempt = leftovers.attempt AND kind = 'blob' AND present)`,
  );
  const query = "SELECT digest, attempt, bytes FROM leftovers WHERE since <= ? LIMIT ?";
  return database.all<Leftover>(query, before, limit);
}

export function leftoverGone(
  database: Database,
  { digest, attempt }: Leftover,
  bytes: number | undefined,
  { now, run }: SweepRun,
): void {
  database.run("DELETE FROM leftovers WHERE digest = ? AND attempt = ?", digest, attempt);
  if (!bytes) return;
  countDeleted(database, run, "leftovers", bytes);
  const reason = "segments left over from a deleted blob or an abandoned fill";
  database.event({ at: now, run, what: "leftover", digest, bytes, reason });
}
