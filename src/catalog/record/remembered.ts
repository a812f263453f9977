// What is remembered of images while a rebuild learns anew from R2 what is cached: which places held them, and their times. R2 knows the
// place that a manifest was first pulled in, and no pull.

import type { Digest } from "../../oci/digest.ts";
import type { Database } from "../database.ts";

/** Of an image, in ms since the epoch. */
export interface TimesRow {
  pushed_at: number;
  pulled_at: number | null;
  unknown_since: number | null;
}

/** Before the images are forgotten. What a rebuild that was broken off has not found yet stays remembered. */
export function remember(database: Database): void {
  database.run(
    `INSERT INTO remembered
       SELECT places.place, digest, pushed_at, images.pulled_at, unknown_since FROM images
       JOIN places ON places.id = images.place JOIN contents ON contents.id = content WHERE true
     ON CONFLICT DO UPDATE SET pushed_at = min(pushed_at, excluded.pushed_at),
       pulled_at = excluded.pulled_at, unknown_since = excluded.unknown_since`,
  );
}

/** The places that held it. */
export function placesOf(database: Database, content: number): string[] {
  const query =
    "SELECT place FROM remembered WHERE digest = (SELECT digest FROM contents WHERE id = ?)";
  return database.all<{ place: string }>(query, content).map(({ place }) => place);
}

/** What was known of it there, once. */
export function recall(database: Database, place: string, content: number): TimesRow | undefined {
  const [row] = database.all<TimesRow>(
    `DELETE FROM remembered WHERE place = ? AND digest = (SELECT digest FROM contents WHERE id = ?)
     RETURNING pushed_at, pulled_at, unknown_since`,
    place,
    content,
  );
  return row;
}

/** What was not found in R2: a manifest that is fetched, or, at the end of the pass, all that is left. */
export function forgetRemembered(database: Database, digest?: Digest): void {
  if (digest === undefined) database.run("DELETE FROM remembered");
  else database.run("DELETE FROM remembered WHERE digest = ?", digest);
}
