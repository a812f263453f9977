// `npm run catalog -- show | rebuild`: totals and counts of a cache's catalog, and rebuilding it from R2.

import { Command } from "commander";
import type { RebuiltAnswer, SummaryAnswer } from "../api/catalog.ts";
import { Complaint, openApi } from "./api.ts";
import { type Asking, asking, print, wholeNumber, withExamples } from "./command.ts";
import { say } from "./lines.ts";
import { sizeOf, some, tableOf } from "./words.ts";

const HEAD = [
  "DAY",
  "RULE",
  "PULLS",
  "HITS",
  "MISSES",
  "COLLAPSED",
  "STALE",
  "SERVED",
  "FETCHED",
  "UPSTREAM REQUESTS",
];

export function catalogCommand(): Command {
  const command = new Command("catalog")
    .summary("show or rebuild the catalog")
    .description("Show what is cached and what was counted, or rebuild the catalog from R2.")
    .addCommand(showCommand())
    .addCommand(rebuildCommand());
  return withExamples(command, [
    "catalog show",
    "catalog show --days 30 --json",
    "catalog rebuild",
  ]);
}

function showCommand(): Command {
  const command = new Command("show")
    .summary("show totals and daily counts")
    .description("Show how much is cached, and pulls, hits and bytes by day and rule.")
    .option("--days <number>", "number of days, including today (default: 7)", wholeNumber);
  return asking(command, ["catalog show", "catalog show --days 30", "catalog show --json"]).action(
    async (options: Asking & { days?: string }) => {
      const query = options.days === undefined ? "" : `?days=${options.days}`;
      const answer = await openApi(options.url).ask<SummaryAnswer>("GET", `/api/catalog${query}`);
      print(answer, options, linesOf);
    },
  );
}

function linesOf(answer: SummaryAnswer): string[] {
  const { images, repositories, tags, manifests, blobs, bytes } = answer;
  const total = `${some(images, "image")} in ${repositories} repositories: ${some(tags, "tag")}, ${some(manifests, "manifest")}, ${some(blobs, "blob")}; ${sizeOf(bytes)}`;
  if (answer.counts.length === 0) return [total];
  const byRule = Map.groupBy(answer.counts, ({ day, rule }) => `${day} ${rule}`);
  const rows = [...byRule.values()].map((counts) => {
    const sum = (name: keyof (typeof counts)[number]) =>
      counts.reduce((total, one) => total + Number(one[name]), 0);
    const [{ day, rule }] = counts as [(typeof counts)[0]];
    const numbers = (["pulls", "hits", "misses", "collapsed", "stale"] as const)
      .map(sum)
      .map(String);
    const served = [sizeOf(sum("bytesServed")), sizeOf(sum("bytesFetched"))];
    return [day, rule, ...numbers, ...served, String(sum("upstreamRequests"))];
  });
  return [total, ...tableOf(HEAD, rows)];
}

function rebuildCommand(): Command {
  const command = new Command("rebuild")
    .summary("rebuild the catalog from R2")
    .description("Discard the catalog and rebuild it from R2. No image is lost.");
  return asking(
    command,
    ["catalog rebuild", "catalog rebuild --url https://mirror.example.com"],
    "print the last answer of the API, with the total number of objects found",
  ).action(rebuild);
}

async function rebuild(options: Asking): Promise<void> {
  const api = openApi(options.url);
  let adopted = 0;
  for (let query = "?fresh=true"; ; query = "") {
    const answer = await api.ask<RebuiltAnswer>("POST", `/api/catalog/rebuild${query}`);
    adopted += answer.adopted;
    if (answer.error)
      throw new Complaint(
        `the rebuild failed at ${answer.error}; run the command again to continue`,
      );
    if (answer.done) {
      print({ ...answer, adopted }, options, () => [
        `done: found ${adopted} manifests, tags and blobs`,
      ]);
      return;
    }
    if (!options.json) say(`found ${adopted}; reading ${answer.stage}`);
  }
}
