// What leads to a digest in a place: it holds it, or a manifest that it holds leads to it. That is no proof that its registry has it.

import type { Digest } from "../oci/digest.ts";
import type { Database } from "./database.ts";

/** A place with so few images is gone through from these down; another one from the digest up, which a layer that all the world is
 * built on makes long. */
const FEW = 200;

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

/** By children, configs and layers alone. That something refers to what the place holds, as a signature does, says nothing of whether it
 * is from there; and a foreign layer can be named by whoever makes a manifest. */
export function isLinked(database: Database, place: string, digest: Digest): boolean {
  const id = database.placeIfKnown(place);
  if (id === undefined) return false;
  return database.has(isFew(database, id) ? DOWN : UP, digest, id);
}

/** The only place whose images led to a blob when it came, and whose registry it therefore came from: for what was stored before links
 * were. Undefined where there are several, or none. */
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

function isFew(database: Database, place: number): boolean {
  const query = "SELECT count(*) AS count FROM (SELECT 1 FROM images WHERE place = ? LIMIT ?)";
  return database.one<{ count: number }>(query, place, FEW + 1).count <= FEW;
}
