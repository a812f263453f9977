// Sweep runs: one at a time, with progress, counts and events, which are kept for 90 days.

import { dayOf } from "../../text/times.ts";
import type { Database } from "../database.ts";
import { trimHours } from "../record/counters.ts";
import { trimHolds } from "../record/holds.ts";
import { trimNumbers } from "../record/numbers.ts";
import { forgetRemembered } from "../record/remembered.ts";
import { vulnerabilityTotals } from "../record/verdicts.ts";
import {
  type CatalogSummary,
  type LifecycleEvent,
  nothingCounted,
  type Progress,
  type RunBegun,
  type RunCounts,
  type RunReport,
} from "./contract.ts";

/** Time without a heartbeat after which a run counts as interrupted, in ms. */
const RUN_TIMEOUT = 5 * 60_000;
/** Retention of runs, events and counters, in ms. */
const HISTORY_RETENTION = 90 * 24 * 60 * 60_000;
interface RunRow {
  id: number;
  trigger: RunReport["trigger"];
  now: number;
  started_at: number;
  beat_at: number;
  ended_at: number | null;
  counts: string;
  revived: number;
  images: number;
  tags: number;
  manifests: number;
  blobs: number;
  leftovers: number;
  bytes: number;
}

export function begin(
  database: Database,
  trigger: RunReport["trigger"],
  now: number,
): RunBegun | undefined {
  const clock = Date.now();
  const running = database.all<RunRow>("SELECT * FROM runs WHERE ended_at IS NULL");
  if (running.some(({ beat_at }) => clock - beat_at < RUN_TIMEOUT)) return undefined;
  for (const { id, counts, beat_at } of running) {
    const interrupted = JSON.stringify({ ...JSON.parse(counts), error: "the run was interrupted" });
    database.run("UPDATE runs SET ended_at = ?, counts = ? WHERE id = ?", beat_at, interrupted, id);
  }
  const { id } = database.one<{ id: number }>(
    "INSERT INTO runs (trigger, now, started_at, beat_at, counts) VALUES (?, ?, ?, ?, ?) RETURNING id",
    trigger,
    now,
    clock,
    clock,
    JSON.stringify({ ...nothingCounted(), unfinished: true }),
  );
  return { id, progress: database.state<Progress>("progress") ?? {} };
}

export function beat(
  database: Database,
  id: number,
  counts: RunCounts,
  progress: Progress,
): boolean {
  const [running] = database.all(
    "UPDATE runs SET beat_at = ?, counts = ? WHERE id = ? AND ended_at IS NULL RETURNING id",
    Date.now(),
    JSON.stringify(counts),
    id,
  );
  if (running) database.setState("progress", progress);
  return running !== undefined;
}

export function end(
  database: Database,
  id: number,
  counts: RunCounts,
  progress: Progress,
): RunReport {
  if (beat(database, id, counts, progress)) {
    const revived = database.state<number>("revived") ?? 0;
    database.setState("revived", 0);
    const query = "UPDATE runs SET ended_at = ?, revived = ? WHERE id = ?";
    database.run(query, Date.now(), revived, id);
    if (progress.passedAt !== undefined && !progress.pass) forgetRemembered(database);
  }
  return reportOf(database.one<RunRow>("SELECT * FROM runs WHERE id = ?", id));
}

export function latestRuns(database: Database, limit: number): RunReport[] {
  return database.all<RunRow>("SELECT * FROM runs ORDER BY id DESC LIMIT ?", limit).map(reportOf);
}

function reportOf(row: RunRow): RunReport {
  const { id, trigger, now, revived, images, tags, manifests, blobs, leftovers } = row;
  return {
    id,
    trigger,
    now,
    startedAt: row.started_at,
    ...(row.ended_at !== null && {
      endedAt: row.ended_at,
      duration: row.ended_at - row.started_at,
    }),
    revived,
    deleted: { images, tags, manifests, blobs, leftovers },
    bytesFreed: row.bytes,
    ...(JSON.parse(row.counts) as RunCounts),
  };
}

interface EventRow {
  [column: string]: string | number | null;
}

export function eventsBefore(
  database: Database,
  before: number | undefined,
  limit: number,
): LifecycleEvent[] {
  const query = "SELECT * FROM events WHERE id < ? ORDER BY id DESC LIMIT ?";
  const rows = database.all<EventRow>(query, before ?? Number.MAX_SAFE_INTEGER, limit);
  return rows.map((row) => {
    const known = Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null));
    const { tags, clock: _, ...rest } = known as { tags?: string; clock?: number };
    return { ...rest, ...(tags && { tags: JSON.parse(tags) }) } as LifecycleEvent;
  });
}

export function trim(database: Database, now: number): void {
  const before = now - HISTORY_RETENTION;
  database.run("DELETE FROM events WHERE at < ?", before);
  database.run("DELETE FROM runs WHERE now < ? AND ended_at IS NOT NULL", before);
  database.run("DELETE FROM moves WHERE until < ?", before);
  const day = dayOf(before);
  database.run("DELETE FROM counters WHERE day < ?", day);
  database.run("DELETE FROM image_pulls WHERE day < ?", day);
  trimNumbers(database, before);
  trimHolds(database, before);
  trimHours(database, now);
}

export function summaryOf(database: Database): CatalogSummary {
  const count = (query: string) => database.one<{ n: number }>(`SELECT count(*) AS n ${query}`).n;
  const sum = (query: string) => database.one<{ n: number | null }>(`SELECT sum(${query}`).n ?? 0;
  const { passedAt } = database.state<Progress>("progress") ?? {};
  return {
    repositories: count("FROM places WHERE id IN (SELECT place FROM images)"),
    images: count("FROM images"),
    tags: count("FROM tags"),
    manifests: count("FROM contents WHERE kind = 'manifest' AND present"),
    blobs: count("FROM contents WHERE kind = 'blob' AND present"),
    bytes: sum("size) AS n FROM contents WHERE present") + sum("bytes) AS n FROM leftovers"),
    ...(passedAt !== undefined && { reconciledAt: passedAt }),
    vulnerabilities: vulnerabilityTotals(database),
  };
}
