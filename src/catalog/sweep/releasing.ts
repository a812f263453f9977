// Releasing: works out in memory what is deleted along with images that leave their places, so that previews and sweeps
// agree.

import type { Database } from "../database.ts";
import { isReferrersTag } from "../record/tags.ts";
import type { Due } from "./contract.ts";

export interface Held {
  place: number;
  content: number;
}

export class Releasing {
  readonly #database: Database;
  /** Images that leave their places: `place content`. */
  readonly #left = new Set<string>();
  readonly #leaving: Held[] = [];
  /** Content → number of places that it leaves. */
  readonly #places = new Map<number, number>();
  /** Images whose tags are deleted: those that leave, and those that stay only as children. */
  readonly #untagged = new Map<string, Held>();

  constructor(database: Database) {
    this.#database = database;
  }

  /** Images that leave their places, so far. */
  get leaving(): readonly Held[] {
    return this.#leaving;
  }

  /** Images whose tags are deleted, so far. */
  get untagged(): Iterable<Held> {
    return this.#untagged.values();
  }

  /** Releases an image and its tags. If an index or a subject of the place still leads to it, the image stays as part of
   * that. */
  release(place: number, content: number): void {
    this.#untagged.set(`${place} ${content}`, { place, content });
    if (!this.#isLedTo(place, content)) this.#leave(place, content);
  }

  #leave(place: number, content: number): void {
    const key = `${place} ${content}`;
    if (this.#left.has(key)) return;
    this.#left.add(key);
    this.#leaving.push({ place, content });
    this.#places.set(content, (this.#places.get(content) ?? 0) + 1);
    const query =
      "SELECT child FROM refs CROSS JOIN images ON content = child AND place = ? WHERE parent = ?";
    for (const { child } of this.#database.all<{ child: number }>(query, place, content)) {
      if (this.#left.has(`${place} ${child}`) || this.#isTagged(place, child)) continue;
      if (this.#isLedTo(place, child)) continue;
      this.#untagged.set(`${place} ${child}`, { place, content: child });
      this.#leave(place, child);
    }
  }

  /** Whether a tag that is not being deleted names the image. */
  #isTagged(place: number, content: number): boolean {
    if (this.#untagged.has(`${place} ${content}`)) return false;
    const query = "SELECT tag FROM tags WHERE content = ? AND place = ? AND doomed IS NULL";
    const tags = this.#database.all<{ tag: string }>(query, content, place);
    return tags.some(({ tag }) => !isReferrersTag(tag)) || this.#isHeld(place, content);
  }

  /** Whether a tag is held at the image. */
  #isHeld(place: number, content: number): boolean {
    const query = `SELECT 1 FROM holds WHERE accepted = (SELECT digest FROM contents WHERE id = ?)
      AND place = (SELECT place FROM places WHERE id = ?)`;
    return this.#database.has(query, content, place);
  }

  /** Whether an image that stays in the place leads to it. */
  #isLedTo(place: number, content: number): boolean {
    const query =
      "SELECT parent FROM refs CROSS JOIN images ON content = parent AND place = ? WHERE child = ?";
    const parents = this.#database.all<{ parent: number }>(query, place, content);
    return parents.some(({ parent }) => !this.#left.has(`${place} ${parent}`));
  }

  /** Bytes freed in R2 once everything unreferenced has been collected. */
  freed(): number {
    const dead = new Set<number>();
    /** Content → number of deleted manifests that led to it. */
    const parents = new Map<number, number>();
    const queue = this.#leaving.map(({ content }) => content);
    let bytes = 0;
    for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
      if (dead.has(id)) continue;
      const content = this.#database.first<Content>(CONTENT, id);
      if (!content) continue;
      const isHeld = content.holders > (this.#places.get(id) ?? 0);
      if (isHeld || content.parents > (parents.get(id) ?? 0)) continue;
      dead.add(id);
      bytes += content.size;
      const children = this.#database.all<{ child: number }>(CHILDREN, id);
      for (const { child } of children) {
        parents.set(child, (parents.get(child) ?? 0) + 1);
        queue.push(child);
      }
    }
    return bytes;
  }
}

interface Content {
  size: number;
  holders: number;
  parents: number;
}

/** A cached content, with the number of its holders and of manifests that lead to it. */
const CONTENT = `
  SELECT size,
    (SELECT count(*) FROM images WHERE content = contents.id) AS holders,
    (SELECT count(*) FROM refs JOIN contents AS p ON p.id = parent WHERE child = contents.id AND p.present) AS parents
  FROM contents WHERE id = ? AND present`;
const CHILDREN = "SELECT child FROM refs WHERE parent = ?";

/** Bytes in R2 that deleting these images would free; changes nothing. */
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
