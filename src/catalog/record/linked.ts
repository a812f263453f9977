// Links by content: whether a place holds a digest, or a manifest that leads to it. This does not prove that the
// place's registry has it.

import type { Digest } from "../../oci/digest.ts";
import type { Database } from "../database.ts";
import type { Leading } from "../query/contract.ts";

/** Maximum images of a place whose contents are walked from the images down. Larger places are walked from the digest
 * up, which is slow for a base layer that many images share. */
const MAX_WALKED_DOWN = 200;

const DOWN = `
  WITH RECURSIVE down (id) AS (
    SELECT content FROM images WHERE place = ?2
    UNION SELECT child FROM down JOIN contents ON contents.id = down.id AND present JOIN refs ON parent = down.id AND NOT weak)
  SELECT 1 FROM down JOIN contents ON contents.id = down.id WHERE digest = ?1`;

const UP = `
  WITH RECURSIVE up (id) AS (
    SELECT id FROM contents WHERE digest = ?1
    UNION SELECT parent FROM up JOIN refs ON child = up.id AND NOT weak JOIN contents ON contents.id = parent AND present)
  SELECT 1 FROM up JOIN images ON content = up.id AND place = ?2`;

/** Follows children, configs and layers only. A referrer such as a signature does not prove that its subject's place has
 * it, and any author of a manifest can name a foreign layer. */
export function isLinked(database: Database, place: string, digest: Digest): boolean {
  const id = database.placeIfKnown(place);
  if (id === undefined) return false;
  return database.has(isSmall(database, id) ? DOWN : UP, digest, id);
}

/** Maximum roots and tags returned, and maximum contents walked from a digest up. */
const MAX_ROOTS = 50;
const MAX_WALKED_UP = 10_000;

const LEADING_DOWN = `
  WITH RECURSIVE down (root, id) AS (
    SELECT content, content FROM images WHERE place = ?2 UNION SELECT content, content FROM tags WHERE place = ?2
    UNION SELECT root, child FROM down JOIN contents ON contents.id = down.id AND present JOIN refs ON parent = down.id AND NOT weak)
  SELECT DISTINCT root AS id, r.digest AS digest FROM down JOIN contents AS c ON c.id = down.id AND c.digest = ?1
    JOIN contents AS r ON r.id = root LIMIT ${MAX_ROOTS}`;

const LEADING_UP = `
  WITH RECURSIVE up (id) AS (
    SELECT id FROM contents WHERE digest = ?1
    UNION SELECT parent FROM up JOIN refs ON child = up.id AND NOT weak JOIN contents ON contents.id = parent AND present
    LIMIT ${MAX_WALKED_UP})
  SELECT up.id AS id, digest FROM up JOIN contents ON contents.id = up.id
    WHERE EXISTS (SELECT 1 FROM images WHERE content = up.id AND place = ?2)
      OR EXISTS (SELECT 1 FROM tags WHERE content = up.id AND place = ?2) LIMIT ${MAX_ROOTS}`;

/** Returns nothing for an unknown digest after a single lookup, as clients can name any digest. */
export function leadingTo(database: Database, place: string, digest: Digest): Leading {
  const id = database.placeIfKnown(place);
  const none = { tags: [], roots: [] };
  if (id === undefined) return none;
  if (!database.has("SELECT 1 FROM contents WHERE digest = ?", digest)) return none;
  const query = isSmall(database, id) ? LEADING_DOWN : LEADING_UP;
  const roots = database.all<{ id: number; digest: Digest }>(query, digest, id);
  const tags = roots.flatMap((root) =>
    database
      .all<{ tag: string }>(
        "SELECT tag FROM tags WHERE content = ? AND place = ? ORDER BY since DESC LIMIT ?",
        root.id,
        id,
        MAX_ROOTS,
      )
      .map(({ tag }) => ({ tag, digest: root.digest })),
  );
  return { tags: tags.slice(0, MAX_ROOTS), roots: roots.map((root) => root.digest) };
}

/** The one place whose images led to a blob when it was cached, and so the place it was fetched from: for blobs stored
 * before links were recorded. Undefined if there are several places, or none. */
export function deliveredTo(database: Database, digest: Digest): string | undefined {
  const places = database.all<{ place: string }>(
    `WITH RECURSIVE up (id) AS (
       SELECT id FROM contents WHERE digest = ?1 AND kind = 'blob' AND present
       UNION SELECT parent FROM up JOIN refs ON child = up.id AND NOT weak JOIN contents ON contents.id = parent AND present)
     SELECT DISTINCT places.place AS place FROM up JOIN images ON content = up.id JOIN places ON places.id = images.place
     WHERE pushed_at <= (SELECT cached_at FROM contents WHERE digest = ?1 AND kind = 'blob' AND present) LIMIT 2`,
    digest,
  );
  return places.length === 1 ? places[0]?.place : undefined;
}

function isSmall(database: Database, place: number): boolean {
  const query = "SELECT count(*) AS count FROM (SELECT 1 FROM images WHERE place = ? LIMIT ?)";
  return (
    database.one<{ count: number }>(query, place, MAX_WALKED_DOWN + 1).count <= MAX_WALKED_DOWN
  );
}
