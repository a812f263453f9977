// Pins: images that no policy expires, by the word of somebody who administers.

import type { Digest } from "../oci/digest.ts";
import type { Database } from "./database.ts";
import { unmark } from "./images.ts";

/** A policy's `protect` is for more. */
const MOST = 10_000;

export interface Pin {
  /** A tag, or a digest. */
  reference: string;
  /** In ms since the epoch. */
  at: number;
  who: string;
}

/** @returns false where there are too many */
export function pin(
  database: Database,
  place: string,
  reference: string,
  who: string,
  now: number,
): boolean {
  if (database.one<{ n: number }>("SELECT count(*) AS n FROM pins").n >= MOST) return false;
  const row = "INSERT OR IGNORE INTO pins VALUES (?, ?, ?, ?)";
  database.run(row, place, reference, now, who);
  // What is marked already comes back.
  const id = database.placeIfKnown(place);
  if (id === undefined) return true;
  const held = database.all<{ content: number }>(
    `SELECT content FROM images JOIN contents ON contents.id = content WHERE images.place = ?1 AND expired_at IS NOT NULL
       AND (digest = ?2 OR content IN (SELECT content FROM tags WHERE place = ?1 AND tag = ?2))`,
    id,
    reference,
  );
  for (const { content } of held) unmark(database, id, content);
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

/** Whether one of a place's pins is of an image: of itself, or of a tag that means it. */
export function isPinned(
  pins: readonly Pick<Pin, "reference">[],
  digest: Digest,
  tags: readonly string[],
): boolean {
  return pins.some(({ reference }) => reference === digest || tags.includes(reference));
}
