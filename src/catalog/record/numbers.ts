// Metrics and happenings reported by isolates: totals since the catalog was created, by month and by hour, and events
// for operators.

import type { Happening, Sample } from "../../meter/meter.ts";
import { plain } from "../../text/plain.ts";
import { hourOf, monthOf } from "../../text/times.ts";
import type { Database } from "../database.ts";
import type { Happened, Operations, Report, UpstreamHour } from "./contract.ts";

/** Maximum number of metric series; later ones are dropped. Bounds rule names that came and went over years. */
const MAX_SERIES = 10_000;
/** Maximum number of happenings; the oldest are deleted. */
const MAX_HAPPENINGS = 100_000;
/** Silence in ms after which an isolate counts as having no running fills. */
const FILLING_TIMEOUT = 60_000;
/** Prefix of the metric family for billed operations (meter/families). */
const OPERATIONS = "entrepot_platform_operations\n";

type SeriesTotals = Record<string, number>;
type FillingIsolates = Record<string, { fills: number; at: number }>;

export function takeNumbers(database: Database, report: Report): void {
  const { samples = [], happenings = [], hours = [], filling } = report;
  // One row for all series: SQLite in a Durable Object is billed by rows written.
  if (samples.length > 0) addSamples(database, samples);
  for (const one of happenings) happened(database, one);
  for (const one of hours) addHour(database, one);
  if (!filling) return;
  const { isolate, fills, at } = filling;
  database.setState("filling", { ...fillingAt(database, at), [isolate]: { fills, at } });
}

function addSamples(database: Database, samples: readonly Sample[]): void {
  const all = database.state<SeriesTotals>("series") ?? {};
  let count = Object.keys(all).length;
  const month = monthOf(Date.now());
  const months = database.state<Record<string, Operations>>("operations") ?? {};
  const operations: Operations = months[month] ?? {};
  for (const { key, amount } of samples) {
    const before = all[key];
    if (before === undefined && count >= MAX_SERIES) continue;
    if (before === undefined) count += 1;
    all[key] = (before ?? 0) + amount;
    if (!key.startsWith(OPERATIONS)) continue;
    const operation = key.slice(OPERATIONS.length);
    operations[operation] = (operations[operation] ?? 0) + amount;
  }
  database.setState("series", all);
  if (Object.keys(operations).length > 0)
    database.setState("operations", { ...months, [month]: operations });
}

export function happened(database: Database, { at, what, detail, ...fields }: Happening): void {
  const query = "INSERT INTO happenings (at, what, told) VALUES (?, ?, ?) RETURNING id";
  const text = detail === undefined ? {} : { detail: plain(detail) };
  const row = JSON.stringify({ ...fields, ...text });
  const { id } = database.one<{ id: number }>(query, at, what, row);
  database.happenedFrom ??= id;
}

function addHour(database: Database, one: UpstreamHour): void {
  database.run(
    `INSERT INTO upstream_hours VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
       requests = requests + excluded.requests, failures = failures + excluded.failures,
       limited = limited + excluded.limited, waited = waited + excluded.waited,
       slowest = max(slowest, excluded.slowest),
       left = coalesce(min(left, excluded.left), left, excluded.left), most = coalesce(excluded.most, most)`,
    one.hour,
    one.origin,
    one.requests,
    one.failures,
    one.limited,
    Math.round(one.waited),
    Math.round(one.slowest),
    one.left ?? null,
    one.limit ?? null,
  );
}

function fillingAt(database: Database, now: number): FillingIsolates {
  const all = database.state<FillingIsolates>("filling") ?? {};
  return Object.fromEntries(Object.entries(all).filter(([, { at }]) => now - at < FILLING_TIMEOUT));
}

/** Totals of all isolates' meters, and the numbers of running fills and of held tags.
 * @param now in ms since the epoch */
export function numbersAt(
  database: Database,
  now: number,
): { samples: Sample[]; fills: number; held: number } {
  const all = database.state<SeriesTotals>("series") ?? {};
  const samples = Object.entries(all).map(([key, amount]) => ({ key, amount }));
  const counts = Object.values(fillingAt(database, now)).map(({ fills }) => fills);
  const held = database.one<{ n: number }>(
    "SELECT count(*) AS n FROM (SELECT DISTINCT place, tag FROM holds)",
  ).n;
  return { samples, fills: counts.reduce((sum, fills) => sum + fills, 0), held };
}

/** @param month such as `2026-11` */
export function operationsIn(database: Database, month: string): Operations {
  return database.state<Record<string, Operations>>("operations")?.[month] ?? {};
}

/** @param from first hour, as in `UpstreamHour` */
export function hoursFrom(database: Database, from: string): UpstreamHour[] {
  const rows = database.all<UpstreamHour & { left: number | null; limit: number | null }>(
    `SELECT hour, origin, requests, failures, limited, waited, slowest, left, most AS "limit"
     FROM upstream_hours WHERE hour >= ? ORDER BY hour, origin`,
    from,
  );
  return rows.map(({ left, limit, ...row }) => ({
    ...row,
    ...(left !== null && { left }),
    ...(limit !== null && { limit }),
  }));
}

/** Oldest first.
 * @param after id of the last one that the caller knows; undefined for the latest ones */
export function happenedAfter(
  database: Database,
  after: number | undefined,
  limit: number,
): Happened[] {
  const which = after === undefined ? "ORDER BY id DESC" : "WHERE id > ? ORDER BY id";
  const rows = database.all<{ id: number; at: number; what: Happening["what"]; told: string }>(
    `SELECT id, at, what, told FROM happenings ${which} LIMIT ?`,
    ...(after === undefined ? [] : [after]),
    limit,
  );
  if (after === undefined) rows.reverse();
  return rows.map(({ told, ...row }) => ({ ...row, ...JSON.parse(told) }));
}

/** @param before in ms since the epoch */
export function trimNumbers(database: Database, before: number): void {
  database.run("DELETE FROM upstream_hours WHERE hour < ?", hourOf(before));
  database.run("DELETE FROM happenings WHERE at < ?", before);
  database.run(
    "DELETE FROM happenings WHERE id <= (SELECT max(id) FROM happenings) - ?",
    MAX_HAPPENINGS,
  );
  const month = monthOf(before);
  const months = database.state<Record<string, Operations>>("operations") ?? {};
  const kept = Object.entries(months).filter(([name]) => name >= month);
  database.setState("operations", Object.fromEntries(kept));
}
