// How many bytes come free when images go: for previews. Nothing is changed.

import type { Database } from "../database.ts";
import type { Due } from "./contract.ts";
import { Releasing } from "./releasing.ts";

export function freedBy(database: Database, images: Due[]): number {
  const releasing = new Releasing(database);
  const query = `SELECT places.id AS place, content FROM images JOIN places ON places.id = images.place
    JOIN contents ON contents.id = content WHERE places.place = ? AND digest = ? AND kind = 'manifest'`;
  for (const { place, digest } of images) {
    const held = database.first<{ place: number; content: number }>(query, place, digest);
    if (held) releasing.release(held.place, held.content);
  }
  return releasing.freed();
}
