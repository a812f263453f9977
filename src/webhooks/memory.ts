// Memory of a webhook's object, besides its queue: its name, how far it has read the catalog's events, and what it has done.

import type { Webhook } from "../config/webhooks.ts";
import type { Sqlite } from "../platform/sqlite.ts";

/** The cron asks each configured webhook hourly. One that was not asked for this time, in ms, was not configured, and begins anew. */
const FORGOTTEN_AFTER = 25 * 60 * 60_000;
/** Minimum interval between records of when it was asked, in ms. */
const SEEN_INTERVAL = 30 * 60_000;

export class Memory {
  readonly #database: Sqlite;

  constructor(database: Sqlite) {
    this.#database = database;
  }

  value<T>(key: string): T | undefined {
    const query = "SELECT value FROM state WHERE key = ?";
    const row = this.#database.first<{ value: string }>(query, key);
    return row && (JSON.parse(row.value) as T);
  }

  /** @param value undefined deletes it */
  set(key: string, value: unknown): void {
    const query = "INSERT OR REPLACE INTO state VALUES (?, ?)";
    if (value === undefined) this.#database.run("DELETE FROM state WHERE key = ?", key);
    else this.#database.run(query, key, JSON.stringify(value));
  }

  /** Forgets everything: the webhook is no longer configured. */
  clear(): void {
    this.#database.run("DELETE FROM deliveries");
    this.#database.run("DELETE FROM state");
  }

  /** The webhook's name; undefined before the first wake. */
  get name(): string | undefined {
    return this.value<string>("name");
  }

  /** Id of the last event that was read; undefined where the latest one is to be taken for read. */
  get cursor(): number | undefined {
    return this.value<number>("cursor");
  }

  set cursor(id: number | undefined) {
    this.set("cursor", id);
  }

  /** Records a wake. A webhook that is new, or was switched off, begins with the events that it is woken for, or with those to come.
   * @param before id of the last event before those; undefined for the latest one */
  woken(hook: string, before: number | undefined, now: number): void {
    const seenAt = this.value<number>("seenAt") ?? 0;
    const isGone = this.value("gone") !== undefined;
    if (this.cursor === undefined || isGone || now - seenAt > FORGOTTEN_AFTER) this.cursor = before;
    if (this.name !== hook) this.set("name", hook);
    if (now - seenAt > SEEN_INTERVAL) this.set("seenAt", now);
  }

  /** Records that the receiver has answered 410 to this configuration of the webhook. */
  gone(hook: Webhook, at: number): void {
    this.set("gone", { for: versionOf(hook), at });
  }

  /** When it did, in ms since the epoch; undefined if it did not. */
  goneAt(hook: Webhook): number | undefined {
    const gone = this.value<{ for: string; at: number }>("gone");
    return gone?.for === versionOf(hook) ? gone.at : undefined;
  }
}

/** What a receiver's 410 applies to. */
function versionOf({ url, secret, events, repositories }: Webhook): string {
  return JSON.stringify([url, secret, events, repositories ?? null]);
}
