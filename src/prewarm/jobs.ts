// Jobs: the stored jobs and their images.

import type { Sqlite } from "../platform/sqlite.ts";
import type { Item, ItemState, Job, JobState, NewJob } from "./contract.ts";

/** Retention of ended jobs, in ms, and the maximum number kept. */
const JOB_RETENTION = 90 * 24 * 60 * 60_000;
const MAX_KEPT_JOBS = 200;

interface JobRow {
  id: string;
  created_at: number;
  created_by: string;
  priority: number;
  platforms: string;
  state: JobState;
  ended_at: number | null;
}

export interface ItemRow {
  job: string;
  seq: number;
  reference: string;
  newest: number | null;
  state: ItemState;
  digest: string | null;
  note: string | null;
  error: string | null;
  attempts: number;
  next_at: number;
}

export function insert(database: Sqlite, job: NewJob, now: number): void {
  const { id, references, newest = [], platforms, priority, who } = job;
  // A repeated call creates no second job.
  if (isKnown(database, id)) return;
  database.run(
    "INSERT INTO jobs VALUES (?, ?, ?, ?, ?, 'running', NULL)",
    id,
    now,
    who,
    priority,
    JSON.stringify(platforms),
  );
  if (job.referrers !== undefined)
    database.run("INSERT INTO job_referrers VALUES (?, ?)", id, job.referrers ? 1 : 0);
  for (const reference of new Set(references)) addItem(database, id, { reference }, now);
  for (const { name, tags, count } of newest)
    addItem(database, id, { reference: `${name}:${tags}`, newest: count }, now);
  trim(database, now);
}

/** An image, or a repository's newest tags. */
interface NewItem {
  reference: string;
  /** Number of newest tags; `reference` is then name:glob. */
  newest?: number;
}

/** Appends an image to a job, unless the job has it already. */
export function addItem(
  database: Sqlite,
  job: string,
  { reference, newest }: NewItem,
  now: number,
): void {
  database.run(
    `INSERT INTO items (job, seq, reference, newest, state, next_at)
     SELECT ?1, (SELECT coalesce(max(seq), 0) + 1 FROM items WHERE job = ?1), ?2, ?3, 'waiting', ?4
     WHERE NOT EXISTS (SELECT 1 FROM items WHERE job = ?1 AND reference = ?2)`,
    job,
    reference,
    newest ?? null,
    now,
  );
}

function trim(database: Sqlite, now: number): void {
  const past = `SELECT id FROM jobs WHERE state <> 'running' AND (created_at < ?1 OR id NOT IN (
    SELECT id FROM jobs WHERE state <> 'running' ORDER BY created_at DESC LIMIT ?2))`;
  for (const table of ["parts", "items", "job_referrers"])
    database.run(`DELETE FROM ${table} WHERE job IN (${past})`, now - JOB_RETENTION, MAX_KEPT_JOBS);
  database.run(`DELETE FROM jobs WHERE id IN (${past})`, now - JOB_RETENTION, MAX_KEPT_JOBS);
}

/** When the next image is due; undefined if there is none. */
export function nextAt(database: Sqlite): number | undefined {
  const row = database.one<{ at: number | null }>(
    `SELECT min(next_at) AS at FROM items JOIN jobs ON jobs.id = job
     WHERE jobs.state = 'running' AND items.state IN ('waiting', 'working')`,
  );
  return row.at ?? undefined;
}

/** Updates an image, unless it was cancelled meanwhile. */
export function setItem(
  database: Sqlite,
  { job, seq }: Pick<ItemRow, "job" | "seq">,
  fields: Partial<Pick<ItemRow, "state" | "digest" | "note" | "error" | "attempts" | "next_at">>,
): void {
  const names = Object.keys(fields);
  database.run(
    `UPDATE items SET ${names.map((name) => `${name} = ?`).join(", ")}
     WHERE job = ? AND seq = ? AND state IN ('waiting', 'working')`,
    ...Object.values(fields),
    job,
    seq,
  );
}

/** Ends jobs without unfinished images. */
export function endJobs(database: Sqlite, now: number): void {
  database.run(
    `UPDATE jobs SET ended_at = ?1,
       state = CASE WHEN EXISTS (SELECT 1 FROM items WHERE job = id AND items.state = 'failed') THEN 'failed' ELSE 'done' END
     WHERE state = 'running' AND NOT EXISTS (
       SELECT 1 FROM items WHERE job = id AND items.state IN ('waiting', 'working'))`,
    now,
  );
}

export function cancel(database: Sqlite, id: string, now: number): void {
  const query =
    "UPDATE jobs SET state = 'cancelled', ended_at = ? WHERE id = ? AND state = 'running'";
  database.run(query, now, id);
  database.run(
    `UPDATE items SET state = 'cancelled' WHERE job = ? AND state IN ('waiting', 'working')
       AND EXISTS (SELECT 1 FROM jobs WHERE id = job AND jobs.state = 'cancelled')`,
    id,
  );
}

export function isKnown(database: Sqlite, id: string): boolean {
  return database.has("SELECT 1 FROM jobs WHERE id = ?", id);
}

/** Whether the job is running. Unlike `jobOf` it sums nothing up, and is asked before each blob. */
export function goesOn(database: Sqlite, id: string): boolean {
  return database.has("SELECT 1 FROM jobs WHERE id = ? AND state = 'running'", id);
}

export function jobOf(database: Sqlite, id: string): Job | undefined {
  const row = database.first<JobRow>("SELECT * FROM jobs WHERE id = ?", id);
  return row && jobIn(database, row);
}

/** Latest first. `before` is the creation time of the previous page's last job. */
export function jobs(
  database: Sqlite,
  before: number | undefined,
  state: JobState | undefined,
  limit: number,
): Job[] {
  const rows = database.all<JobRow>(
    `SELECT * FROM jobs WHERE created_at < ?1 AND state = coalesce(?2, state) ORDER BY created_at DESC LIMIT ?3`,
    before ?? Number.MAX_SAFE_INTEGER,
    state ?? null,
    limit,
  );
  return rows.map((row) => jobIn(database, row));
}

export function isRunning(database: Sqlite, who: string): boolean {
  return database.has("SELECT 1 FROM jobs WHERE created_by = ? AND state = 'running'", who);
}

export function countRunning(database: Sqlite): number {
  return database.one<{ n: number }>("SELECT count(*) AS n FROM jobs WHERE state = 'running'").n;
}

/** @param after the number of the previous page's last image */
export function items(database: Sqlite, job: string, after: number, limit: number): Item[] {
  const rows = database.all<ItemRow & Sums>(
    `SELECT items.*, ${SUMS} FROM items LEFT JOIN parts USING (job, seq)
     WHERE job = ? AND seq > ? GROUP BY items.seq ORDER BY items.seq LIMIT ?`,
    job,
    after,
    limit,
  );
  return rows.map((row) => ({
    seq: row.seq,
    reference: row.reference,
    state: row.state,
    ...sums(row),
    ...(row.digest !== null && { digest: row.digest }),
    ...(row.note !== null && { note: row.note }),
    ...(row.error !== null && { error: row.error }),
    ...(row.state === "waiting" && row.error !== null && { nextAt: row.next_at }),
  }));
}

interface Sums {
  layers: number;
  layersDone: number;
  bytes: number;
  bytesDone: number;
}

const SUMS = `count(parts.digest) AS layers, coalesce(sum(done), 0) AS layersDone, coalesce(sum(size), 0) AS bytes,
  coalesce(sum(CASE WHEN done THEN size ELSE min(had, size) END), 0) AS bytesDone`;

function sums({ layers, layersDone, bytes, bytesDone }: Sums): Pick<Item, "layers" | "bytes"> {
  return { layers: { total: layers, done: layersDone }, bytes: { total: bytes, done: bytesDone } };
}

function jobIn(database: Sqlite, row: JobRow): Job {
  const counts = { waiting: 0, working: 0, done: 0, failed: 0, cancelled: 0 };
  const states = database.all<{ state: ItemState; n: number }>(
    "SELECT state, count(*) AS n FROM items WHERE job = ? GROUP BY state",
    row.id,
  );
  for (const { state, n } of states) counts[state] = n;
  const all = database.one<Sums>(`SELECT ${SUMS} FROM parts WHERE job = ?`, row.id);
  return {
    id: row.id,
    createdAt: row.created_at,
    createdBy: row.created_by,
    priority: row.priority,
    platforms: JSON.parse(row.platforms),
    state: row.state,
    ...(row.ended_at !== null && { endedAt: row.ended_at }),
    counts,
    ...sums(all),
  };
}
