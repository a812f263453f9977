// API routes for statistics: counts, events, and the monthly report of savings and costs.

import {
  events,
  eventsQuery,
  report,
  reportQuery,
  type StatisticsAnswer,
  statistics,
  statisticsQuery,
} from "../../api/statistics.ts";
import type { Catalog } from "../../catalog/contract.ts";
import type { Totals } from "../../catalog/record/contract.ts";
import type { Config } from "../../config/read.ts";
import { isDockerHub } from "../../config/upstream.ts";
import { readPrices } from "../../report/prices.ts";
import { reportOf } from "../../report/report.ts";
import { dayOf, hourOf, monthOf, startOfHour } from "../../text/times.ts";
import { timeOf } from "../shared/answers.ts";
import { ApiProblem, invalid } from "./problem.ts";
import { type Api, add } from "./routes.ts";

const HOUR = 60 * 60_000;
const DAY = 24 * HOUR;
/** More than the number of rules in any configuration. */
const ALL_RULES = 10_000;

/** How long hourly counts are kept, in days. */
const MAX_DAYS_BY_HOUR = 8;
export function addNumbers(
  api: Api,
  variables: Readonly<Record<string, unknown>>,
  catalog: Catalog,
  config: () => Config,
): void {
  add(
    api,
    {
      method: "get",
      path: "/stats",
      summary: "Returns counts by hour, day, rule, or repository (most pulled first)",
      query: statisticsQuery,
      answer: statistics,
    },
    async ({ days, by, n }) => {
      const now = Date.now();
      if (by === "hour") return byHour(catalog, days, now);
      const [from, to] = [dayOf(now - (days - 1) * DAY), dayOf(now)];
      const rows = await catalog.totals(from, to, by, by === "day" ? days : n);
      return { from, to, by, rows: rows.map(rowOf) };
    },
  );

  add(
    api,
    {
      method: "get",
      path: "/events",
      summary: "Lists events in order, starting after an id; pass `next` to continue",
      query: eventsQuery,
      answer: events,
    },
    async ({ n, after = 0, latest }) => {
      const happened = await catalog.happened(latest ? undefined : after, n);
      const listed = happened.map(({ at, ...rest }) => ({ ...rest, at: timeOf(at) }));
      return { events: listed, next: happened.at(-1)?.id ?? after };
    },
  );

  add(
    api,
    {
      method: "get",
      path: "/report",
      summary: "Returns what the cache saved in a month, and its cost by Cloudflare's price list",
      query: reportQuery,
      answer: report,
    },
    async ({ month: given }) => {
      const now = Date.now();
      const month = given ?? monthOf(now);
      const prices = pricesIn(variables);
      const [totals, operations, { bytes }] = await Promise.all([
        catalog.totals(`${month}-01`, `${month}-31`, "rule", ALL_RULES),
        catalog.operations(month),
        catalog.summary(),
      ]);
      const hubs = config().rules.filter(({ rule }) => isDockerHub(rule.upstream));
      const dockerHub = hubs.map(({ rule }) => rule.name);
      return reportOf({ month, now, totals, dockerHub, operations, storedBytes: bytes, prices });
    },
  );
}

async function byHour(catalog: Catalog, days: number, now: number): Promise<StatisticsAnswer> {
  if (days > MAX_DAYS_BY_HOUR) throw invalid(`days: must be ${MAX_DAYS_BY_HOUR} at most by hour`);
  const from = now - (days * DAY - HOUR);
  const hours = await catalog.countedHours(hourOf(from));
  const rows = hours.map(({ hour, ...counts }) => ({ hour: startOfHour(hour), ...counts }));
  return { from: dayOf(from), to: dayOf(now), by: "hour", rows };
}

function pricesIn(variables: Readonly<Record<string, unknown>>) {
  try {
    return readPrices(variables.PRICES);
  } catch (error) {
    throw new ApiProblem("internal-error", (error as Error).message);
  }
}

function rowOf({ day, rule, place, ...counts }: Totals) {
  return {
    ...(day && { day }),
    ...(rule && { rule }),
    ...(place && { place, repository: place.slice(place.lastIndexOf("//") + 2) }),
    ...counts,
  };
}
