// Parents: manifests of a place that name a digest. The caller reads the manifests themselves to be sure.

import type { Digest } from "../../oci/digest.ts";
import type { Database } from "../database.ts";

/** Maximum number of parents returned. */
const MAX_PARENTS = 50;

/** Stored manifests of the place that name the digest as a child, config or layer, those pulled last first: a base layer may have more
 * parents than are returned. */
export function parentsOf(database: Database, place: string, digest: Digest): Digest[] {
  const id = database.placeIfKnown(place);
  if (id === undefined) return [];
  const rows = database.all<{ digest: Digest }>(
    `SELECT DISTINCT p.digest AS digest, i.pulled_at AS pulled FROM contents AS c JOIN refs ON child = c.id
       JOIN contents AS p ON p.id = parent AND p.present AND p.kind = 'manifest'
       CROSS JOIN images AS i ON i.content = p.id AND i.place = ?1
     WHERE c.digest = ?2 ORDER BY coalesce(pulled, 0) DESC, p.id DESC LIMIT ${MAX_PARENTS}`,
    id,
    digest,
  );
  return rows.map((row) => row.digest);
}
