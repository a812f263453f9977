// Images of a place as policies see them: candidates with their tags, sizes and contents.

import type { Digest } from "../../oci/digest.ts";
import type { Database } from "../database.ts";
import type { HeldImage } from "../record/contract.ts";
import { lastPullOf } from "../record/image-pulls.ts";
import { isReferrersTag } from "../record/tags.ts";
import type { ImagePart } from "./candidate.ts";
import type { CatalogImage } from "./contract.ts";
import { keptByPins } from "./pins.ts";

export function placesAfter(database: Database, after: string, limit: number): string[] {
  const query = `SELECT place FROM places WHERE place > ? AND EXISTS (SELECT 1 FROM images WHERE place = places.id)
    ORDER BY place LIMIT ?`;
  return database.all<{ place: string }>(query, after, limit).map(({ place }) => place);
}

interface CandidateRow {
  content: number;
  digest: Digest;
  pushed_at: number;
  pulled_at: number | null;
  unknown_since: number | null;
  touched: number;
  expired_at: number | null;
  media_type: string;
  artifact_type: string | null;
  platform: string | null;
  /** Whether another image of the place leads to it. */
  led: number;
}

const ROWS = `
  SELECT content, digest, pushed_at, images.pulled_at, unknown_since, touched, expired_at, media_type, artifact_type, platform,
    EXISTS (SELECT 1 FROM refs CROSS JOIN images AS i ON i.content = parent AND i.place = images.place
      WHERE child = images.content) AS led
  FROM images JOIN contents ON contents.id = content
  WHERE images.place = ? AND content > ? ORDER BY content LIMIT ?`;

/** A part of a place's images, in the order of their contents. */
interface Range {
  place: number;
  /** Content before the first one. */
  after: number;
  /** Last content. */
  upTo: number;
}

/** A page may have fewer than `limit` images, and is empty only at the end.
 * @param page `after` is the digest of the last image of the previous page
 * @param withParts whether to return the contents of each image too */
export function imagesOf(
  database: Database,
  place: string,
  { after, limit }: { after: string; limit: number },
  withParts: boolean,
): CatalogImage[] {
  const id = database.placeIfKnown(place);
  if (id === undefined) return [];
  let last = after === "" ? 0 : (database.contentIfKnown(after as Digest, "manifest") ?? 0);
  for (;;) {
    const rows = database.all<CandidateRow>(ROWS, id, last, limit);
    const end = rows.at(-1)?.content;
    if (end === undefined) return [];
    const page = { rows, place: id, after: last, upTo: end };
    const found = imagesIn(database, place, page, withParts);
    if (found.length > 0) return found;
    last = end; // the page had only children
  }
}

function imagesIn(
  database: Database,
  place: string,
  { rows, ...range }: Range & { rows: CandidateRow[] },
  withParts: boolean,
): CatalogImage[] {
  const tags = tagsIn(database, range);
  const roots = rows.filter(({ led, content }) => {
    return !led || (tags.get(content) ?? []).some((tag) => !isReferrersTag(tag));
  });
  const parts = partsIn(database, range);
  const kept = keptByPins(database, place, range.place);
  return roots.map((row) => {
    const own = parts.get(row.content) ?? [];
    const named = tags.get(row.content) ?? [];
    return {
      place,
      digest: row.digest,
      tags: named,
      ...(kept.has(row.content) && { pinned: true as const }),
      pushedAt: row.pushed_at,
      ...lastPullOf(row),
      size: own.reduce((sum, { bytes }) => sum + bytes, 0),
      ...(withParts && { parts: own }),
      mediaType: row.media_type,
      ...(row.artifact_type !== null && { artifactType: row.artifact_type }),
      ...(row.platform && { platform: row.platform }),
      touched: row.touched,
      ...(row.expired_at !== null && { expiredAt: row.expired_at }),
    };
  });
}

/** Undefined where the place does not hold the image. */
export function imageAt(database: Database, place: string, digest: Digest): HeldImage | undefined {
  const id = database.placeIfKnown(place);
  const content = database.contentIfKnown(digest, "manifest");
  if (id === undefined || content === undefined) return undefined;
  const row = database.first<
    Pick<CandidateRow, "pushed_at" | "pulled_at" | "unknown_since" | "expired_at"> & {
      reason: string | null;
    }
  >(
    "SELECT pushed_at, pulled_at, unknown_since, expired_at, reason FROM images WHERE place = ? AND content = ?",
    id,
    content,
  );
  return (
    row && {
      pushedAt: row.pushed_at,
      ...lastPullOf(row),
      tags: tagsIn(database, { place: id, after: content - 1, upTo: content }).get(content) ?? [],
      ...(row.expired_at !== null && { expiredAt: row.expired_at }),
      ...(row.reason !== null && { reason: row.reason }),
      ...(keptByPins(database, place, id).has(content) && { pinned: true as const }),
    }
  );
}

/** Content → its tags, without doomed ones. A digest that a tag is held at counts as tagged by it: that is what the tag means here. */
function tagsIn(database: Database, { place, after, upTo }: Range): Map<number, string[]> {
  const query = `SELECT content, tag FROM images CROSS JOIN tags USING (content, place)
      WHERE images.place = ?1 AND content > ?2 AND content <= ?3 AND doomed IS NULL
    UNION SELECT contents.id, tag FROM places CROSS JOIN holds ON holds.place = places.place
      CROSS JOIN contents ON digest = accepted AND kind = 'manifest'
      WHERE places.id = ?1 AND contents.id > ?2 AND contents.id <= ?3
    ORDER BY tag`;
  const tags = new Map<number, string[]>();
  for (const { content, tag } of database.all<{ content: number; tag: string }>(
    query,
    place,
    after,
    upTo,
  ))
    push(tags, content, tag);
  return tags;
}

/** Content → its parts: itself, its children, its referrers and their blobs, as far as they are cached. */
function partsIn(database: Database, { place, after, upTo }: Range): Map<number, ImagePart[]> {
  const query = `
    WITH RECURSIVE tree (root, id) AS (
      SELECT content, content FROM images WHERE place = ? AND content > ? AND content <= ?
      UNION SELECT root, child FROM tree JOIN refs ON parent = tree.id)
    SELECT root, tree.id, size FROM tree CROSS JOIN contents ON contents.id = tree.id WHERE present`;
  const parts = new Map<number, ImagePart[]>();
  const rows = database.all<{ root: number; id: number; size: number }>(query, place, after, upTo);
  for (const { root, id, size } of rows) push(parts, root, { id, bytes: size });
  return parts;
}

function push<T>(lists: Map<number, T[]>, key: number, value: T): void {
  const list = lists.get(key);
  if (list) list.push(value);
  else lists.set(key, [value]);
}
