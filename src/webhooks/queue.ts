// Queue of a webhook: what is to be sent, in order for each subject, what was given up, and counts. SQL only; each call is one transaction of
// its caller.

import type { Sqlite } from "../platform/sqlite.ts";
import { nextAttempt } from "./backoff.ts";
import type { DeadLetter, QueueState, Tally } from "./contract.ts";
import type { Message } from "./event.ts";
import type { Memory } from "./memory.ts";
import type { Sent } from "./send.ts";

/** Maximum number of deliveries that wait; the oldest beyond it become dead letters. */
export const MAX_PENDING = 10_000;
/** Maximum number of dead letters; the oldest beyond it are deleted, and counted. */
export const MAX_LETTERS = 1_000;
/** Time in ms after which an attempt whose end was not recorded is repeated: longer than any attempt. */
const LEASE = 30_000;

/** What the webhook has done. */
type Done = Pick<QueueState, keyof Tally | "failures" | "last" | "succeededAt">;
const NOTHING: Done = { delivered: 0, failed: 0, dead: 0, lost: 0, failures: 0 };

/** A delivery that is to be sent now. */
export interface Due extends Message {
  id: number;
  queuedAt: number;
  /** Including the one that begins now. */
  attempts: number;
}

const PENDING = "dead_at IS NULL";

export class Queue {
  readonly #database: Sqlite;
  readonly #memory: Memory;

  constructor(database: Sqlite, memory: Memory) {
    this.#database = database;
    this.#memory = memory;
  }

  add(messages: readonly Message[], now: number): void {
    for (const { event, what, subject, body } of messages) {
      const isBehind = this.#isPending(subject);
      this.#database.run(
        "INSERT INTO deliveries (event, what, subject, body, queued_at, next_at) VALUES (?, ?, ?, ?, ?, ?)",
        ...[event, what, subject, body, now, isBehind ? null : now],
      );
    }
    if (messages.length > 0) this.#bound(now);
  }

  /** The oldest excess deliveries become dead letters: what is new says more about the present. */
  #bound(now: number): void {
    const excess = this.#count(PENDING) - MAX_PENDING;
    if (excess <= 0) return;
    const oldest = this.#database.all<{ id: number; subject: string }>(
      `SELECT id, subject FROM deliveries WHERE ${PENDING} ORDER BY id LIMIT ?`,
      excess,
    );
    const error = `more than ${MAX_PENDING} deliveries were waiting`;
    for (const { id } of oldest)
      this.#database.run(
        "UPDATE deliveries SET dead_at = ?, next_at = NULL, error = ? WHERE id = ?",
        ...[now, error, id],
      );
    for (const subject of new Set(oldest.map((one) => one.subject))) this.#unblock(subject, now);
    this.#addTo({ dead: excess });
    this.#boundLetters();
  }

  /** Takes the delivery that has waited longest for its attempt. Until the end of the attempt is recorded, or the lease ends, it is not
   * taken again. */
  take(now: number): Due | undefined {
    return this.#database.first<Due>(
      `UPDATE deliveries SET attempts = attempts + 1, next_at = ?2 WHERE id =
         (SELECT id FROM deliveries WHERE next_at <= ?1 ORDER BY next_at, id LIMIT 1)
       RETURNING id, event, what, subject, body, queued_at AS queuedAt, attempts`,
      ...[now, now + LEASE],
    );
  }

  /** When the next delivery is due; undefined if none waits. */
  nextAt(): number | undefined {
    const query = "SELECT min(next_at) AS at FROM deliveries WHERE next_at IS NOT NULL";
    return this.#database.one<{ at: number | null }>(query).at ?? undefined;
  }

  /** Records the end of an attempt. @param jitter 0 to 1, a random number */
  ended({ id, what, subject, attempts, queuedAt }: Due, sent: Sent, jitter: number): void {
    const { at, took, status, error } = sent;
    const now = at + took;
    const { failures } = this.#done();
    const known = {
      ...(status !== undefined && { status }),
      ...(error !== undefined && { error }),
    };
    const last = { at, took, what, subject, ...known };
    if (error === undefined) {
      this.#database.run("DELETE FROM deliveries WHERE id = ?", id);
      this.#unblock(subject, now);
      this.#addTo({ delivered: 1 }, { last, failures: 0, succeededAt: now });
      return;
    }
    const isGone = status === 410;
    const next = isGone
      ? undefined
      : nextAttempt({ attempts, queuedAt }, now, jitter, sent.retryAfter);
    const isDead = next === undefined && this.#isAlive(id);
    this.#database.run(
      `UPDATE deliveries SET next_at = ?, dead_at = ?, status = ?, error = ? WHERE id = ? AND ${PENDING}`,
      ...[next ?? null, isDead ? now : null, status ?? null, error, id],
    );
    if (isDead) this.#unblock(subject, now);
    this.#addTo({ failed: 1, ...(isDead && { dead: 1 }) }, { last, failures: failures + 1 });
    if (isDead) this.#boundLetters();
  }

  letters(before: number | undefined, limit: number): DeadLetter[] {
    const rows = this.#database.all<DeadLetter & { status: number | null }>(
      `SELECT id, event, what, subject, queued_at AS queuedAt, dead_at AS deadAt, attempts, status, error
       FROM deliveries WHERE dead_at IS NOT NULL AND id < ? ORDER BY id DESC LIMIT ?`,
      ...[before ?? Number.MAX_SAFE_INTEGER, limit],
    );
    return rows.map(({ status, ...row }) => ({ ...row, ...(status !== null && { status }) }));
  }

  /** Dead letters wait again, with a day of their own. One whose subject has others waiting is sent after the first of them.
   * @param id undefined for all @returns how many there were */
  redeliver(id: number | undefined, now: number): number {
    const rows = this.#database.all<{ subject: string }>(
      `UPDATE deliveries SET dead_at = NULL, next_at = NULL, attempts = 0, queued_at = ?1
       WHERE dead_at IS NOT NULL AND (?2 IS NULL OR id = ?2) RETURNING subject`,
      ...[now, id ?? null],
    );
    for (const subject of new Set(rows.map((row) => row.subject))) this.#unblock(subject, now);
    if (rows.length > 0) this.retry(now);
    return rows.length;
  }

  /** @param id undefined for all @returns how many there were */
  drop(id: number | undefined): number {
    const query =
      "DELETE FROM deliveries WHERE dead_at IS NOT NULL AND (?1 IS NULL OR id = ?1) RETURNING id";
    return this.#database.all(query, id ?? null).length;
  }

  /** Makes what waits for its next attempt due now, except attempts that may be under way. */
  retry(now: number): void {
    const query = "UPDATE deliveries SET next_at = ?1 WHERE next_at > ?2";
    this.#database.run(query, now, now + LEASE);
  }

  state(): Omit<QueueState, "goneAt"> {
    const oldest = this.#database.one<{ at: number | null }>(
      `SELECT queued_at AS at FROM (SELECT min(id) AS id FROM deliveries WHERE ${PENDING}) LEFT JOIN deliveries USING (id)`,
    );
    return {
      ...this.#done(),
      pending: this.#count(PENDING),
      letters: this.#count("dead_at IS NOT NULL"),
      ...(oldest.at !== null && { oldestAt: oldest.at }),
    };
  }

  #boundLetters(): void {
    const excess = this.#count("dead_at IS NOT NULL") - MAX_LETTERS;
    if (excess <= 0) return;
    this.#database.run(
      `DELETE FROM deliveries WHERE id IN
         (SELECT id FROM deliveries WHERE dead_at IS NOT NULL ORDER BY id LIMIT ?)`,
      excess,
    );
    this.#addTo({ lost: excess });
  }

  /** Makes the subject's first delivery due, unless one is due or under way already. */
  #unblock(subject: string, now: number): void {
    this.#database.run(
      `UPDATE deliveries SET next_at = ?2 WHERE id =
         (SELECT min(id) FROM deliveries WHERE subject = ?1 AND ${PENDING})
       AND NOT EXISTS
         (SELECT 1 FROM deliveries WHERE subject = ?1 AND ${PENDING} AND next_at IS NOT NULL)`,
      ...[subject, now],
    );
  }

  #isPending(subject: string): boolean {
    return this.#database.has(`SELECT 1 FROM deliveries WHERE subject = ? AND ${PENDING}`, subject);
  }

  #isAlive(id: number): boolean {
    return this.#database.has(`SELECT 1 FROM deliveries WHERE id = ? AND ${PENDING}`, id);
  }

  #count(which: string): number {
    const query = `SELECT count(*) AS count FROM deliveries WHERE ${which}`;
    return this.#database.one<{ count: number }>(query).count;
  }

  #done(): Done {
    return this.#memory.value<Done>("done") ?? NOTHING;
  }

  #addTo(amounts: Partial<Tally>, more: Partial<Done> = {}): void {
    const done = { ...this.#done(), ...more };
    for (const [name, amount] of Object.entries(amounts)) done[name as keyof Tally] += amount;
    this.#memory.set("done", done);
  }
}
