// `npm run entrepot -- stats | report | events`: counts, the monthly report of savings and costs, and events.

import { Command, Option } from "commander";
import type {
  EventAnswer,
  EventsAnswer,
  ReportAnswer,
  StatisticsAnswer,
  StatisticsRowAnswer,
} from "../api/statistics.ts";
import { openApi } from "./api.ts";
import { type Asking, asking, print, wholeNumber } from "./command.ts";
import { sizeOf, tableOf, timeOf } from "./words.ts";

export function statsCommand(): Command {
  const command = new Command("stats")
    .summary("show counts of pulls, hits and bytes")
    .description("Show counts of pulls, hits and bytes by day, rule or repository.")
    .addOption(
      new Option("--by <what>", "dimension of the counts")
        .choices(["day", "rule", "repository"])
        .default("day"),
    )
    .option("--days <number>", "number of days, including today", wholeNumber, "30")
    .action(async ({ by, days, ...how }: Asking & { by: string; days: string }) => {
      const query = new URLSearchParams({ by, days });
      const answer = await openApi(how.url).ask<StatisticsAnswer>("GET", `/api/stats?${query}`);
      print(answer, how, ({ rows }) => tableFor(by, rows));
    });
  return asking(command, [
    "stats --by repository --days 7   most pulled repositories first",
    "stats --by rule --json",
  ]);
}

export function reportCommand(): Command {
  const command = new Command("report")
    .summary("show savings and costs of a month")
    .description("Show what the cache saved in a month, and what it costs.")
    .option("--month <month>", "month, such as 2026-11 (default: the current one)")
    .action(async ({ month, ...how }: Asking & { month?: string }) => {
      const query = month === undefined ? "" : `?month=${encodeURIComponent(month)}`;
      print(await openApi(how.url).ask<ReportAnswer>("GET", `/api/report${query}`), how, wordsOf);
    });
  return asking(command, ["report", "report --month 2026-10 --json"]);
}

export function eventsCommand(): Command {
  const command = new Command("events")
    .summary("list events")
    .description("List events: images cached, tags moved, upstreams down and up, …")
    .option("--after <id>", "events after this id (default: the latest events)", wholeNumber)
    .option("--n <number>", "maximum number of events", wholeNumber, "20")
    .action(async ({ after, n, ...how }: Asking & { after?: string; n: string }) => {
      const from = after === undefined ? { latest: "true" } : { after };
      const query = new URLSearchParams({ n, ...from });
      const answer = await openApi(how.url).ask<EventsAnswer>("GET", `/api/events?${query}`);
      print(answer, how, ({ events }) =>
        events.length === 0 ? ["no events"] : events.map(lineOf),
      );
    });
  return asking(command, [
    "events",
    'events --after 1042 --json   for scripts: pass "next" of the answer as the next --after',
  ]);
}

function tableFor(by: string, all: readonly StatisticsRowAnswer[]): string[] {
  if (all.length === 0) return ["no counts yet"];
  const head = [by.toUpperCase(), "PULLS", "HITS", "MISSES", "COLLAPSED", "STALE", "ERRORS"];
  const rows = all.map((row) => [
    row.day ?? (row.repository ? `${row.rule}: ${row.repository}` : (row.rule ?? "")),
    ...[row.pulls, row.hits, row.misses, row.collapsed, row.stale, row.errors].map(String),
    ...[sizeOf(row.bytesServed), sizeOf(row.bytesFetched)],
    ...[row.upstreamRequests, row.upstreamPulls].map(String),
  ]);
  return tableOf([...head, "SERVED", "FETCHED", "UPSTREAM REQUESTS", "UPSTREAM PULLS"], rows);
}

function lineOf(event: EventAnswer): string {
  const { id, at, what, place, tag, digest, before, upstream, detail } = event;
  const of = place === undefined ? upstream : place + (tag ? `:${tag}` : "");
  const moved = before ? ` (was ${before.slice(0, 19)}…)` : "";
  const parts = [of, digest && `${digest.slice(0, 19)}…${moved}`, detail].filter(Boolean);
  return `${String(id).padStart(6)}  ${timeOf(at)}  ${what.padEnd(19)} ${parts.join("  ")}`;
}

function wordsOf({ month, elapsed, saved, byRule, dockerHub, cost }: ReportAnswer): string[] {
  const { windowsAvoided } = dockerHub;
  const head = ["RULE", "PULLS", "UPSTREAM PULLS", "AVOIDED", "SERVED", "FETCHED", "AVOIDED"];
  const rows = [...byRule, { rule: "all", ...saved }].map((one) => [
    one.rule,
    ...[one.pulls, one.upstreamPulls, one.pullsAvoided].map(String),
    ...[one.bytesServed, one.bytesFetched, one.bytesAvoided].map(sizeOf),
  ]);
  const money = (dollars: number) => `$${dollars.toFixed(2)}`;
  const priced = cost.lines.map((line) => [
    line.what,
    amount(line.used),
    amount(line.included),
    money(line.cost),
    money(line.projected),
  ]);
  return [
    `${month}, ${Math.round(elapsed * 100)} % elapsed`,
    "",
    ...tableOf(head, rows),
    "",
    `Docker Hub: ${dockerHub.pullsAvoided} pulls avoided, equal to ${windowsAvoided.anonymous} windows of 100 pulls per 6 h (no login), or ${windowsAvoided.personal} of 200 (Personal account)`,
    "",
    ...tableOf(["COST (USD)", "USED", "INCLUDED", "SO FAR", "PROJECTED"], priced),
    `including ${money(cost.plan)} for the plan: ${money(cost.total)} so far, ${money(cost.projected)} projected for the whole month`,
    `at Cloudflare's prices of ${cost.prices}; not included: ${cost.notIncluded}`,
  ];
}

function amount(value: number): string {
  return Number(value.toFixed(2)).toLocaleString("en-US");
}
