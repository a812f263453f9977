// Counters: stored by day, rule and place, and by hour over all.

import { hourOf } from "../../text/times.ts";
import type { Database } from "../database.ts";
import type { CountedHour, Counts } from "./contract.ts";
import type { Amounts } from "./counts.ts";

/** Retention of hourly counters, in ms. */
const HOURS_KEPT = 8 * 24 * 60 * 60_000;

/** Name and column of each counter, in column order. */
const COLUMNS: [keyof Amounts, string][] = [
  ["pulls", "pulls"],
  ["hits", "hits"],
  ["misses", "misses"],
  ["collapsed", "collapsed"],
  ["stale", "stale"],
  ["bytesServed", "bytes_served"],
  ["bytesFetched", "bytes_fetched"],
  ["upstreamRequests", "upstream_requests"],
  ["upstreamPulls", "upstream_pulls"],
  ["errors", "errors"],
];
const NAMES = COLUMNS.map(([, column]) => column).join(", ");
const HOLES = COLUMNS.map(() => "?").join(", ");
const ADDED = COLUMNS.map(([, column]) => `${column} = ${column} + excluded.${column}`).join(", ");
const SELECTED = COLUMNS.map(([name, column]) => `${column} AS ${name}`).join(", ");
/** SQL that sums each counter under its name. */
export const SUMMED = COLUMNS.map(([name, column]) => `sum(${column}) AS ${name}`).join(", ");

/** Counts go into the hour in which they are reported, some seconds after they were counted. */
export function addCounts(database: Database, counts: readonly Counts[]): void {
  if (counts.length === 0) return;
  const valuesOf = (amounts: Amounts) => COLUMNS.map(([name]) => amounts[name]);
  for (const { day, rule, place, ...amounts } of counts)
    database.run(
      `INSERT INTO counters (day, rule, place, ${NAMES}) VALUES (?, ?, ?, ${HOLES}) ON CONFLICT DO UPDATE SET ${ADDED}`,
      day,
      rule,
      place,
      ...valuesOf(amounts),
    );
  const sums = COLUMNS.map(([name]) => counts.reduce((sum, one) => sum + one[name], 0));
  database.run(
    `INSERT INTO counter_hours (hour, ${NAMES}) VALUES (?, ${HOLES}) ON CONFLICT DO UPDATE SET ${ADDED}`,
    hourOf(Date.now()),
    ...sums,
  );
}

/** @param from first day, as in `Counts` */
export function countsFrom(database: Database, from: string): Counts[] {
  const query = `SELECT day, rule, place, ${SELECTED} FROM counters WHERE day >= ? ORDER BY day, rule, place`;
  return database.all<Counts>(query, from);
}

/** @param from first hour, such as `2026-11-26T14` */
export function countedFrom(database: Database, from: string): CountedHour[] {
  const query = `SELECT hour, ${SELECTED} FROM counter_hours WHERE hour >= ? ORDER BY hour`;
  return database.all<CountedHour>(query, from);
}

/** @param now in ms since the epoch */
export function trimHours(database: Database, now: number): void {
  database.run("DELETE FROM counter_hours WHERE hour < ?", hourOf(now - HOURS_KEPT));
}
