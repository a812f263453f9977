// Image times kept through a rebuild: which places held each image, and when it was cached and pulled. R2 knows only
// the place that a manifest was first pulled in, and no pulls.

import type { Digest } from "../../oci/digest.ts";
import type { Database } from "../database.ts";
import { CONTENT_TABLES } from "../schema.ts";

/** Times of an image, in ms since the epoch. */
export interface TimesRow {
  pushed_at: number;
  pulled_at: number | null;
  unknown_since: number | null;
}

/** Empties what a pass over R2 rebuilds. */
export function resetContents(database: Database): void {
  remember(database);
  for (const table of CONTENT_TABLES) database.run(`DELETE FROM ${table}`);
  database.setState("progress", {});
}

/** Called before images are forgotten. Rows that an interrupted rebuild has not restored yet stay. */
function remember(database: Database): void {
  database.run(
    `INSERT INTO remembered
       SELECT places.place, digest, pushed_at, images.pulled_at, unknown_since FROM images
       JOIN places ON places.id = images.place JOIN contents ON contents.id = content WHERE true
     ON CONFLICT DO UPDATE SET pushed_at = min(pushed_at, excluded.pushed_at),
       pulled_at = excluded.pulled_at, unknown_since = excluded.unknown_since`,
  );
}

/** Places that held the image. */
export function placesOf(database: Database, digest: Digest): string[] {
  const query = "SELECT place FROM remembered WHERE digest = ?";
  return database.all<{ place: string }>(query, digest).map(({ place }) => place);
}

/** Takes the image's earlier times in the place, if any. */
export function recall(database: Database, place: string, content: number): TimesRow | undefined {
  const [row] = database.all<TimesRow>(
    `DELETE FROM remembered WHERE place = ? AND digest = (SELECT digest FROM contents WHERE id = ?)
     RETURNING pushed_at, pulled_at, unknown_since`,
    place,
    content,
  );
  return row;
}

/** Drops rows of images not found in R2: those of a manifest that is fetched anew, or all that is left at the end of the
 * pass. */
export function forgetRemembered(database: Database, digest?: Digest): void {
  if (digest === undefined) database.run("DELETE FROM remembered");
  else database.run("DELETE FROM remembered WHERE digest = ?", digest);
}
