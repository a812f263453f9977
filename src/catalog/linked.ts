// Whether a place is known to have a digest: it holds it, or a manifest that it holds leads to it.

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

function isFew(database: Database, place: number): boolean {
  const query = "SELECT count(*) AS count FROM (SELECT 1 FROM images WHERE place = ? LIMIT ?)";
  return database.one<{ count: number }>(query, place, FEW + 1).count <= FEW;
}
