// Catalog database: SQLite in a Durable Object, with the queries that all parts of the catalog share.

import type { Digest } from "../oci/digest.ts";
import { Sqlite, type Value } from "../platform/sqlite.ts";
import type { ContentKind, LifecycleEvent } from "./sweep/contract.ts";

export class Database extends Sqlite {
  /** Id of the first happening since it was last read here; undefined if there is none. */
  happenedFrom: number | undefined;

  /** Number of a place; assigned at first use. */
  place(place: string): number {
    return this.placeIfKnown(place) ?? this.#new("places (place) VALUES (?)", place);
  }

  placeIfKnown(place: string): number | undefined {
    return this.first<{ id: number }>("SELECT id FROM places WHERE place = ?", place)?.id;
  }

  /** Number of a content; assigned at first use, as not cached yet. */
  content(digest: Digest, kind: ContentKind): number {
    const known = this.contentIfKnown(digest, kind);
    return known ?? this.#new("contents (digest, kind, present) VALUES (?, ?, 0)", digest, kind);
  }

  contentIfKnown(digest: Digest, kind: ContentKind): number | undefined {
    const query = "SELECT id FROM contents WHERE digest = ? AND kind = ?";
    return this.first<{ id: number }>(query, digest, kind)?.id;
  }

  #new(row: string, ...values: Value[]): number {
    return this.one<{ id: number }>(`INSERT INTO ${row} RETURNING id`, ...values).id;
  }

  state<T>(key: string): T | undefined {
    const row = this.first<{ value: string }>("SELECT value FROM state WHERE key = ?", key);
    return row && (JSON.parse(row.value) as T);
  }

  setState(key: string, value: unknown): void {
    this.run("INSERT OR REPLACE INTO state VALUES (?, ?)", key, JSON.stringify(value));
  }

  /** Counts one more change that makes content deletable. Isolates see the count in `Reported`, and then report pulls
   * that they would otherwise hold back. */
  countMarks(): void {
    this.setState("marks", this.marks + 1);
  }

  get marks(): number {
    return this.state<number>("marks") ?? 0;
  }

  event(event: Omit<LifecycleEvent, "id">): void {
    const { at, run, what, place, digest, tags, bytes, policy, priority, reason } = event;
    this.run(
      `INSERT INTO events (at, run, what, place, digest, tags, bytes, policy, priority, reason, clock)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      at,
      run ?? null,
      what,
      place ?? null,
      digest ?? null,
      tags ? JSON.stringify(tags) : null,
      bytes ?? null,
      policy ?? null,
      priority ?? null,
      reason,
      Date.now(),
    );
  }
}
