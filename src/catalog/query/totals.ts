// Totals of the counters: by day, rule or repository.

import type { Database } from "../database.ts";
import type { Totals } from "../record/contract.ts";
import { SUMMED } from "../record/counters.ts";
import type { By } from "./contract.ts";

const COLUMNS: Record<By, string> = {
  day: "day, '' AS rule, '' AS place",
  rule: "'' AS day, rule, '' AS place",
  repository: "'' AS day, rule, place",
};
const GROUPS: Record<By, string> = { day: "day", rule: "rule", repository: "rule, place" };
const ORDERS: Record<By, string> = {
  day: "day",
  rule: "rule",
  repository: "pulls DESC, bytesServed DESC, rule, place",
};

/** Days as in `Counts`; both are included. */
export interface Days {
  readonly from: string;
  readonly to: string;
}

export function totalsOf(database: Database, { from, to }: Days, by: By, limit: number): Totals[] {
  return database.all<Totals>(
    `SELECT ${COLUMNS[by]}, ${SUMMED}
     FROM counters WHERE day BETWEEN ? AND ? GROUP BY ${GROUPS[by]} ORDER BY ${ORDERS[by]} LIMIT ?`,
    from,
    to,
    limit,
  );
}
