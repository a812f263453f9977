// Releasing: what goes along when images leave their places. Worked out in memory, so that a preview and a sweep say the same.

import type { Database } from "../database.ts";
import { isReferrersTag } from "../record/tags.ts";

export interface Held {
  place: number;
  content: number;
}

export class Releasing {
  readonly #database: Database;
  /** Held images that leave their places: `place content`. */
  readonly #left = new Set<string>();
  readonly #leaving: Held[] = [];
  /** How many places have let go of a content. */
  readonly #places = new Map<number, number>();
  /** Images whose tags go: those that leave, and those that stay as children only. */
  readonly #untagged = new Map<string, Held>();

  constructor(database: Database) {
    this.#database = database;
  }

  /** What has left its place, so far. */
  get leaving(): readonly Held[] {
    return this.#leaving;
  }

  /** Whose tags go, so far. */
  get untagged(): Iterable<Held> {
    return this.#untagged.values();
  }

  /** An image that expires goes with its tags. Where an index or a subject there still leads to it, it stays as that one's. */
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

  /** By a tag of its own, which none of those that go is. */
  #isTagged(place: number, content: number): boolean {
    if (this.#untagged.has(`${place} ${content}`)) return false;
    const query = "SELECT tag FROM tags WHERE content = ? AND place = ? AND doomed IS NULL";
    const tags = this.#database.all<{ tag: string }>(query, content, place);
    return tags.some(({ tag }) => !isReferrersTag(tag));
  }

  /** From something else that the place holds on to. */
  #isLedTo(place: number, content: number): boolean {
    const query =
      "SELECT parent FROM refs CROSS JOIN images ON content = parent AND place = ? WHERE child = ?";
    const parents = this.#database.all<{ parent: number }>(query, place, content);
    return parents.some(({ parent }) => !this.#left.has(`${place} ${parent}`));
  }

  /** How many bytes come free in R2, once what nothing refers to any more has been collected. */
  freed(): number {
    const dead = new Set<number>();
    /** How many manifests that led to a content are dead. */
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

/** One that is here, with how many hold it and lead to it. */
const CONTENT = `
  SELECT size,
    (SELECT count(*) FROM images WHERE content = contents.id) AS holders,
    (SELECT count(*) FROM refs JOIN contents AS p ON p.id = parent WHERE child = contents.id AND p.present) AS parents
  FROM contents WHERE id = ? AND present`;
const CHILDREN = "SELECT child FROM refs WHERE parent = ?";
