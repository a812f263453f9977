// `stats`, `report`, `events`: what a cache counted, what that saved and costs, and what happened.

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
    .description("What was counted, by day, rule or repository.")
    .addOption(
      new Option("--by <what>", "what is added up")
        .choices(["day", "rule", "repository"])
        .default("day"),
    )
    .option("--days <number>", "how many days, today included", wholeNumber, "30")
    .action(async ({ by, days, ...how }: Asking & { by: string; days: string }) => {
      const query = new URLSearchParams({ by, days });
      const told = await openApi(how.url).ask<StatisticsAnswer>("GET", `/api/stats?${query}`);
      print(told, how, ({ rows }) => tableFor(by, rows));
    });
  return asking(command, [
    "stats --by repository --days 7   which images are pulled most",
    "stats --by rule --json",
  ]);
}

export function reportCommand(): Command {
  const command = new Command("report")
    .description("What the cache saved in a month, and what it costs.")
    .option("--month <month>", "such as 2026-11; without, this one")
    .action(async ({ month, ...how }: Asking & { month?: string }) => {
      const query = month === undefined ? "" : `?month=${encodeURIComponent(month)}`;
      print(await openApi(how.url).ask<ReportAnswer>("GET", `/api/report${query}`), how, wordsOf);
    });
  return asking(command, ["report", "report --month 2026-10 --json"]);
}

export function eventsCommand(): Command {
  const command = new Command("events")
    .description("What happened: images cached, tags moved, upstreams down and up, …")
    .option("--after <id>", "those behind this one; without, the latest ones", wholeNumber)
    .option("--n <number>", "how many", wholeNumber, "20")
    .action(async ({ after, n, ...how }: Asking & { after?: string; n: string }) => {
      const from = after === undefined ? { latest: "true" } : { after };
      const query = new URLSearchParams({ n, ...from });
      const told = await openApi(how.url).ask<EventsAnswer>("GET", `/api/events?${query}`);
      print(told, how, ({ events }) =>
        events.length === 0 ? ["nothing happened since"] : events.map(lineOf),
      );
    });
  return asking(command, [
    "events",
    'events --after 1042 --json   what a script has not seen yet; its "next" goes into the next --after',
  ]);
}

function tableFor(by: string, all: readonly StatisticsRowAnswer[]): string[] {
  if (all.length === 0) return ["nothing was counted yet"];
  const head = [by.toUpperCase(), "PULLS", "HITS", "MISSES", "COLLAPSED", "STALE", "ERRORS"];
  const rows = all.map((row) => [
    row.day ?? (row.repository ? `${row.rule}: ${row.repository}` : (row.rule ?? "")),
    ...[row.pulls, row.hits, row.misses, row.collapsed, row.stale, row.errors].map(String),
    ...[sizeOf(row.bytesServed), sizeOf(row.bytesFetched)],
    ...[row.upstreamRequests, row.upstreamPulls].map(String),
  ]);
  return tableOf([...head, "SERVED", "FETCHED", "ASKED", "OF THEM PULLS"], rows);
}

function lineOf(event: EventAnswer): string {
  const { id, at, what, place, tag, digest, before, upstream, detail } = event;
  const of = place === undefined ? upstream : place + (tag ? `:${tag}` : "");
  const moved = before ? ` (was ${before.slice(0, 19)}…)` : "";
  const said = [of, digest && `${digest.slice(0, 19)}…${moved}`, detail].filter(Boolean);
  return `${String(id).padStart(6)}  ${timeOf(at)}  ${what.padEnd(19)} ${said.join("  ")}`;
}

function wordsOf({ month, elapsed, saved, byRule, dockerHub, cost }: ReportAnswer): string[] {
  const { windowsAvoided } = dockerHub;
  const head = ["RULE", "PULLS", "OF THEM UPSTREAM", "AVOIDED", "SERVED", "FETCHED", "AVOIDED"];
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
    `${month}, of which ${Math.round(elapsed * 100)} % have passed`,
    "",
    ...tableOf(head, rows),
    "",
    `Docker Hub: ${dockerHub.pullsAvoided} pulls avoided, which would fill ${windowsAvoided.anonymous} windows of 100 pulls in 6 h (no login), or ${windowsAvoided.personal} of 200 (a Personal account)`,
    "",
    ...tableOf(["COST, in dollars", "USED", "INCLUDED", "SO FAR", "AT THE END"], priced),
    `with ${money(cost.plan)} for the plan: ${money(cost.total)} so far, ${money(cost.projected)} at the month's end if it goes on like this`,
    `by Cloudflare's prices of ${cost.prices}; not included: ${cost.notIncluded}`,
  ];
}

function amount(value: number): string {
  return Number(value.toFixed(2)).toLocaleString("en-US");
}
