// Whether a place is known to have a digest: it holds it, or a manifest that it holds leads to it.

import type { Digest } from "../oci/digest.ts";
import type { Database } from "./database.ts";

/** By children, configs and layers alone. That something refers to what the place holds, as a signature does, says nothing of whether it
 * is from there; and a foreign layer can be named by whoever makes a manifest. */
export function isLinked(database: Database, place: string, digest: Digest): boolean {
  const id = database.placeIfKnown(place);
  if (id === undefined) return false;
  return database.has(
    `WITH RECURSIVE up (id) AS (
       SELECT id FROM contents WHERE digest = ?1
       UNION SELECT parent FROM up JOIN refs ON child = up.id AND NOT weak JOIN contents ON contents.id = parent AND present)
     SELECT 1 FROM up JOIN images ON content = up.id AND place = ?2`,
    digest,
    id,
  );
}
