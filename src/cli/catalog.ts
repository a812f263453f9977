// `npm run catalog -- show | rebuild`: what a cache's catalog knows; and how it learns anew from the stores what is cached.

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
  "ASKED",
];

export function catalogCommand(): Command {
  const command = new Command("catalog")
    .summary("what is cached, and what was counted")
    .description("What is cached, and what was counted.")
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
    .summary("how much is cached, and the counts")
    .description("Says how much is cached, and counts pulls, hits and bytes by day and rule.")
    .option("--days <number>", "how many are counted, with today; without, 7", wholeNumber);
  return asking(command, ["catalog show", "catalog show --days 30", "catalog show --json"]).action(
    async (options: Asking & { days?: string }) => {
      const query = options.days === undefined ? "" : `?days=${options.days}`;
      const told = await openApi(options.url).ask<SummaryAnswer>("GET", `/api/catalog${query}`);
      print(told, options, linesOf);
    },
  );
}

function linesOf(told: SummaryAnswer): string[] {
  const { images, repositories, tags, manifests, blobs, bytes } = told;
  const total = `${some(images, "image")} of ${repositories} repositories: ${some(tags, "tag")}, ${some(manifests, "manifest")}, ${some(blobs, "blob")}; ${sizeOf(bytes)}`;
  if (told.counts.length === 0) return [total];
  const byRule = Map.groupBy(told.counts, ({ day, rule }) => `${day} ${rule}`);
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
    .summary("learns it anew from R2")
    .description("Forgets what the catalog knows, and learns it anew from R2; no image is lost.");
  return asking(
    command,
    ["catalog rebuild", "catalog rebuild --url https://mirror.example.com"],
    "prints what the API answers at last, with the sum of what it found",
  ).action(rebuild);
}

/** With --json the last answer, with the sum of what all of them found. */
async function rebuild(options: Asking): Promise<void> {
  const api = openApi(options.url);
  let adopted = 0;
  for (let query = "?fresh=true"; ; query = "") {
    const told = await api.ask<RebuiltAnswer>("POST", `/api/catalog/rebuild${query}`);
    adopted += told.adopted;
    if (told.error) throw new Complaint(`it failed at ${told.error}; ask again, and it goes on`);
    if (told.done) {
      print({ ...told, adopted }, options, () => [
        `done: ${adopted} manifests, tags and blobs found`,
      ]);
      return;
    }
    if (!options.json) say(`${adopted} found; reading ${told.stage}`);
  }
}
