// Pins: images that no policy expires, because an administrator said so.

import type { Database } from "../database.ts";
import type { Pin } from "./contract.ts";
import { unmark } from "./marks.ts";

/** Maximum number of pins; a policy's `protect` covers more images than that. */
const MAX_PINS = 10_000;

/** @returns false if there are too many pins */
export function pin(database: Database, place: string, { reference, who, at }: Pin): boolean {
  if (database.has("SELECT 1 FROM pins WHERE place = ? AND reference = ?", place, reference))
    return true;
  if (database.one<{ n: number }>("SELECT count(*) AS n FROM pins").n >= MAX_PINS) return false;
  database.run("INSERT INTO pins VALUES (?, ?, ?, ?)", place, reference, at, who);
  // Marks already set are cleared.
  const id = database.placeIfKnown(place);
  if (id === undefined) return true;
  for (const content of keptByPins(database, place, id)) unmark(database, id, content);
  return true;
}

/** @returns whether the pin existed */
export function unpin(database: Database, place: string, reference: string): boolean {
  const query = "DELETE FROM pins WHERE place = ? AND reference = ? RETURNING reference";
  return database.all(query, place, reference).length > 0;
}

export function pinsAt(database: Database, place: string): Pin[] {
  const query = "SELECT reference, at, who FROM pins WHERE place = ? ORDER BY reference";
  return database.all<Pin>(query, place);
}

/** Contents kept by a place's pins: the pinned ones, and those of the place that lead to them and whose deletion would
 * take them along, such as a platform's index or a signature's image.
 * @param id number of the place */
export function keptByPins(database: Database, place: string, id: number): Set<number> {
  const query = `
    WITH RECURSIVE kept (id) AS (
      SELECT contents.id FROM pins CROSS JOIN contents ON digest = reference AND kind = 'manifest' WHERE pins.place = ?1
      UNION SELECT tags.content FROM pins CROSS JOIN tags ON key = pins.place || ':' || reference
        WHERE pins.place = ?1 AND doomed IS NULL
      UNION SELECT contents.id FROM pins CROSS JOIN holds ON holds.place = pins.place AND holds.tag = pins.reference
        CROSS JOIN contents ON digest = accepted AND kind = 'manifest' WHERE pins.place = ?1
      UNION SELECT parent FROM kept JOIN refs ON child = kept.id
        CROSS JOIN images ON images.content = parent AND images.place = ?2)
    SELECT id FROM kept`;
  return new Set(database.all<{ id: number }>(query, place, id).map((row) => row.id));
}
