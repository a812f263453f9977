// `stats`, `report`, `events`: what a cache counted, what that saved and costs, and what happened.

import { Command, Option } from "commander";
import { openApi } from "./api.ts";
import { sizeOf, tableOf, timeOf } from "./words.ts";

interface Row {
  day?: string;
  rule?: string;
  repository?: string;
  pulls: number;
  hits: number;
  misses: number;
  collapsed: number;
  stale: number;
  errors: number;
  bytesServed: number;
  bytesFetched: number;
  upstreamRequests: number;
  upstreamPulls: number;
}

interface Saved {
  pulls: number;
  upstreamPulls: number;
  pullsAvoided: number;
  bytesServed: number;
  bytesFetched: number;
  bytesAvoided: number;
}

interface Report {
  month: string;
  elapsed: number;
  saved: Saved;
  byRule: (Saved & { rule: string })[];
  dockerHub: Saved & { windowsAvoided: { anonymous: number; personal: number } };
  cost: {
    prices: string;
    plan: number;
    lines: { what: string; used: number; included: number; cost: number; projected: number }[];
    total: number;
    projected: number;
    notIncluded: string;
  };
}

interface Events {
  events: {
    id: number;
    at: string;
    what: string;
    place?: string;
    tag?: string;
    digest?: string;
    before?: string;
    upstream?: string;
    detail?: string;
  }[];
  next: number;
}

interface Asked {
  url?: string;
  json?: boolean;
}

const URL_OPTION = ["--url <url>", "of the cache; without, the one of npm start"] as const;
const JSON_OPTION = ["--json", "what the API answers, as JSON"] as const;

export function statsCommand(): Command {
  return new Command("stats")
    .description("what was counted, by day, rule or repository")
    .addOption(new Option("--by <what>", "what is added up").choices(["day", "rule", "repository"]))
    .option("--days <number>", "how many days, today included", "30")
    .option(...URL_OPTION)
    .option(...JSON_OPTION)
    .addHelpText(
      "after",
      `
Examples:
  $ npm run entrepot -- stats --by repository --days 7   which images are pulled most
  $ npm run entrepot -- stats --by rule --json`,
    )
    .action(async ({ by = "day", days, url, json }: Asked & { by?: string; days: string }) => {
      const query = new URLSearchParams({ by, days });
      const told = await openApi(url).ask<{ rows: Row[] }>("GET", `/api/stats?${query}`);
      if (json) return print(told);
      if (told.rows.length === 0) return console.log("nothing was counted yet");
      const head = [by.toUpperCase(), "PULLS", "HITS", "MISSES", "COLLAPSED", "STALE", "ERRORS"];
      const more = ["SERVED", "FETCHED", "ASKED", "OF THEM PULLS"];
      const rows = told.rows.map((row) => [
        row.day ?? (row.repository ? `${row.rule}: ${row.repository}` : (row.rule ?? "")),
        ...[row.pulls, row.hits, row.misses, row.collapsed, row.stale, row.errors].map(String),
        ...[sizeOf(row.bytesServed), sizeOf(row.bytesFetched)],
        ...[row.upstreamRequests, row.upstreamPulls].map(String),
      ]);
      for (const line of tableOf([...head, ...more], rows)) console.log(line);
    });
}

export function reportCommand(): Command {
  return new Command("report")
    .description("what the cache saved in a month, and what it costs")
    .option("--month <month>", "such as 2026-11; without, this one")
    .option(...URL_OPTION)
    .option(...JSON_OPTION)
    .addHelpText(
      "after",
      `
Examples:
  $ npm run entrepot -- report
  $ npm run entrepot -- report --month 2026-10 --json`,
    )
    .action(async ({ month, url, json }: Asked & { month?: string }) => {
      const query = month === undefined ? "" : `?month=${encodeURIComponent(month)}`;
      const told = await openApi(url).ask<Report>("GET", `/api/report${query}`);
      if (json) return print(told);
      for (const line of wordsOf(told)) console.log(line);
    });
}

export function eventsCommand(): Command {
  return new Command("events")
    .description("what happened: images cached, tags moved, upstreams down, …")
    .option("--after <id>", "the events behind this one; without, the latest ones")
    .option("-n <number>", "how many", "20")
    .option(...URL_OPTION)
    .option(...JSON_OPTION)
    .addHelpText(
      "after",
      `
Examples:
  $ npm run entrepot -- events
  $ npm run entrepot -- events --after 1042 --json   what a script has not seen yet; its "next" goes into the next --after`,
    )
    .action(async ({ after, n, url, json }: Asked & { after?: string; n: string }) => {
      const query = new URLSearchParams({ n, ...(after !== undefined && { after }) });
      if (after === undefined) query.set("latest", "true");
      const told = await openApi(url).ask<Events>("GET", `/api/events?${query}`);
      if (json) return print(told);
      for (const { id, at, what, place, tag, digest, before, upstream, detail } of told.events) {
        const of = place === undefined ? (upstream ?? "") : place + (tag ? `:${tag}` : "");
        const moved = before ? ` (was ${before.slice(0, 19)}…)` : "";
        const said = [of, digest && `${digest.slice(0, 19)}…${moved}`, detail].filter(Boolean);
        console.log(
          `${String(id).padStart(6)}  ${timeOf(at)}  ${what.padEnd(19)} ${said.join("  ")}`,
        );
      }
      if (told.events.length === 0) console.log("nothing happened since");
    });
}

function print(told: object): void {
  console.log(JSON.stringify(told, undefined, 2));
}

function wordsOf({ month, elapsed, saved, byRule, dockerHub, cost }: Report): string[] {
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
