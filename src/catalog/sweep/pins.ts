// Pins: images that no policy expires, by the word of somebody who administers.

import type { Database } from "../database.ts";
import type { Pin } from "./contract.ts";
import { unmark } from "./marks.ts";

/** A policy's `protect` is for more. */
const MAX_PINS = 10_000;

/** @returns false where there are too many */
export function pin(
  database: Database,
  place: string,
  reference: string,
  who: string,
  now: number,
): boolean {
  if (database.has("SELECT 1 FROM pins WHERE place = ? AND reference = ?", place, reference))
    return true;
  if (database.one<{ n: number }>("SELECT count(*) AS n FROM pins").n >= MAX_PINS) return false;
  database.run("INSERT INTO pins VALUES (?, ?, ?, ?)", place, reference, now, who);
  // What is marked already comes back.
  const id = database.placeIfKnown(place);
  if (id === undefined) return true;
  for (const content of keptByPins(database, place, id)) unmark(database, id, content);
  return true;
}

/** @returns whether there was one */
export function unpin(database: Database, place: string, reference: string): boolean {
  const query = "DELETE FROM pins WHERE place = ? AND reference = ? RETURNING reference";
  return database.all(query, place, reference).length > 0;
}

export function pinsAt(database: Database, place: string): Pin[] {
  const query = "SELECT reference, at, who FROM pins WHERE place = ? ORDER BY reference";
  return database.all<Pin>(query, place);
}

/** The contents that a place's pins keep: what they name, and what leads to that there, since it would take it along: a platform's
 * index, a signature's image.
 * @param id the place's number */
export function keptByPins(database: Database, place: string, id: number): Set<number> {
  const query = `
    WITH RECURSIVE kept (id) AS (
      SELECT contents.id FROM pins CROSS JOIN contents ON digest = reference AND kind = 'manifest' WHERE pins.place = ?1
      UNION SELECT tags.content FROM pins CROSS JOIN tags ON key = pins.place || ':' || reference
        WHERE pins.place = ?1 AND doomed IS NULL
      UNION SELECT parent FROM kept JOIN refs ON child = kept.id
        CROSS JOIN images ON images.content = parent AND images.place = ?2)
    SELECT id FROM kept`;
  return new Set(database.all<{ id: number }>(query, place, id).map((row) => row.id));
}
