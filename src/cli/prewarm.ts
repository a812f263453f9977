// `npm run entrepot -- prewarm …`: starts, lists, shows and cancels jobs that fetch images in advance.

import { Command } from "commander";
import type {
  AmountAnswer,
  ItemAnswer,
  JobAnswer,
  JobsAnswer,
  JobWithItemsAnswer,
} from "../api/prewarm.ts";
import { type Api, Complaint, openApi, textOf } from "./api.ts";
import { type Asking, asking, listed, print, signedNumber, withExamples } from "./command.ts";
import { complain, say } from "./lines.ts";
import { SIGNS, sizeOf, some, tableOf, timeOf } from "./words.ts";

/** Interval between requests for a job's progress, in ms. */
const POLL_INTERVAL = 1_000;
/** Width of a progress bar, in characters. */
const BAR = 24;
const MARKS: Record<string, string> = { done: SIGNS.good, failed: SIGNS.bad };

export function prewarmCommand(): Command {
  const command = new Command("prewarm")
    .summary("fetch images in advance")
    .description("Fetch images in advance, and show the progress.")
    .addCommand(startCommand())
    .addCommand(listCommand())
    .addCommand(showCommand())
    .addCommand(cancelCommand());
  return withExamples(command, [
    "prewarm start docker.io/library/alpine:3",
    "prewarm start --file images.txt --platform linux/amd64",
    "prewarm list",
  ]);
}

interface StartOptions extends Asking {
  file?: string;
  platform?: string[];
  priority?: string;
  referrers?: boolean;
  detach?: boolean;
}

function startCommand(): Command {
  const command = new Command("start")
    .summary("start a job, and show its progress")
    .description(
      "Start a job and show its progress until it ends. The job continues if you interrupt the command. Exits with 1 if an image failed.",
    )
    .argument("[reference...]", "images, with a tag or a digest")
    .option("--file <file>", "file with one image per line, - for standard input")
    .option(
      "--platform <list>",
      "platforms, such as linux/amd64,linux/arm64 (the default), or all",
      listed,
    )
    .option("--referrers", "fetch signatures, SBOMs and attestations too")
    .option(
      "--priority <number>",
      "-100 to 100; jobs of higher priority go first (default: 0)",
      signedNumber,
    )
    .option("--detach", "do not wait for the end of the job");
  return asking(
    command,
    [
      "prewarm start docker.io/library/alpine:3 ghcr.io/acme/app:v1",
      "prewarm start --file images.txt --platform all --detach",
    ],
    "print the job as JSON when it has ended, or at once with --detach",
  ).action(start);
}

async function start(references: string[], options: StartOptions): Promise<void> {
  const lines = options.file === undefined ? [] : textOf(options.file).split("\n");
  const read = lines.map((line) => line.replace(/#.*/, "").trim()).filter((line) => line !== "");
  const all = [...references, ...read];
  if (all.length === 0) throw new Complaint("give an image, or a --file with one per line", 2);
  const { platform: platforms, priority, referrers } = options;
  const body = {
    references: all,
    ...(platforms && { platforms }),
    ...(referrers && { referrers }),
    ...(priority !== undefined && { priority: Number(priority) }),
  };
  const api = openApi(options.url);
  const job = await api.ask<JobAnswer>("POST", "/api/prewarm", JSON.stringify(body));
  if (options.detach) {
    print(job, options, () => [
      `started job ${job.id} for ${some(all.length, "image")}; progress: npm run entrepot -- prewarm show ${job.id}`,
    ]);
    return;
  }
  const end = await follow(api, job.id, options.json ?? false);
  print(end, options, () => []);
  if (end.state !== "done") process.exitCode = 1;
}

/** Follows a job until its end: prints a line for each image that has ended, and on a terminal also progress bars. */
async function follow(api: Api, id: string, isSilent: boolean): Promise<JobWithItemsAnswer> {
  const isTerminal = process.stdout.isTTY && !isSilent;
  const leave = () => {
    complain("");
    complain(
      `the job continues; see npm run entrepot -- prewarm show ${id}, or prewarm cancel ${id}`,
    );
    process.exit(130);
  };
  process.once("SIGINT", leave);
  const printed = new Set<number>();
  let drawn = 0;
  for (;;) {
    const job = await wholeOf(api, id);
    const isOver = job.state !== "running";
    for (const item of isSilent ? [] : job.items) {
      if (printed.has(item.seq) || !isEnded(item)) continue;
      if (drawn > 0) process.stdout.write(`\x1b[${drawn}A\x1b[J`);
      drawn = 0;
      printed.add(item.seq);
      say(lineOf(item));
    }
    if (isTerminal) {
      if (drawn > 0) process.stdout.write(`\x1b[${drawn}A\x1b[J`);
      const bars = isOver ? [] : barsOf(job);
      drawn = bars.length;
      for (const bar of bars) say(bar);
    }
    if (isOver) {
      process.off("SIGINT", leave);
      if (!isSilent) say(summaryOf(job));
      return job;
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_INTERVAL));
  }
}

async function wholeOf(api: Api, id: string): Promise<JobWithItemsAnswer> {
  const path = `/api/prewarm/${encodeURIComponent(id)}`;
  const job = await api.ask<JobWithItemsAnswer>("GET", path);
  for (let { next } = job; next !== undefined; ) {
    const more = await api.ask<JobWithItemsAnswer>("GET", `${path}?after=${next}`);
    job.items.push(...more.items);
    next = more.next;
  }
  return job;
}

function listCommand(): Command {
  const command = new Command("list")
    .summary("list jobs")
    .description("List the jobs of the last 90 days, latest first.");
  return asking(command, ["prewarm list", "prewarm list --json"]).action(
    async (options: Asking) => {
      print(
        await openApi(options.url).ask<JobsAnswer>("GET", "/api/prewarm"),
        options,
        ({ jobs }) => {
          if (jobs.length === 0) return ["there are no prewarm jobs"];
          const rows = jobs.map((job) => [
            job.id,
            timeOf(job.createdAt),
            job.state,
            `${job.counts.done} of ${countOf(job)}`,
            `${sizeOf(job.bytes.done)} of ${sizeOf(job.bytes.total)}`,
            job.createdBy,
          ]);
          return tableOf(["id", "started", "state", "images", "bytes", "by"], rows);
        },
      );
    },
  );
}

function showCommand(): Command {
  const command = new Command("show")
    .summary("show the progress of a job")
    .description("Show the progress of a job and of each of its images.")
    .argument("<id>", "id of the job, from `prewarm list`");
  return asking(command, [
    "prewarm show 6b1f2a90-0000-4000-8000-000000000000",
    "prewarm show 6b1f2a90-0000-4000-8000-000000000000 --json",
  ]).action(async (id: string, options: Asking) => {
    print(await wholeOf(openApi(options.url), id), options, (job) => [
      ...job.items.map(lineOf),
      summaryOf(job),
    ]);
  });
}

function cancelCommand(): Command {
  const command = new Command("cancel")
    .summary("cancel a job")
    .description("Cancel a job: images under way are completed, no others are started.")
    .argument("<id>", "id of the job, from `prewarm list`");
  return asking(command, [
    "prewarm cancel 6b1f2a90-0000-4000-8000-000000000000",
    "prewarm cancel 6b1f2a90-0000-4000-8000-000000000000 --json",
  ]).action(async (id: string, options: Asking) => {
    const path = `/api/prewarm/${encodeURIComponent(id)}`;
    const job = await openApi(options.url).ask<JobAnswer>("DELETE", path);
    print(job, options, () => [summaryOf(job)]);
  });
}

function isEnded({ state }: ItemAnswer): boolean {
  return state !== "waiting" && state !== "working";
}

function countOf({ counts }: JobAnswer): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

function lineOf(item: ItemAnswer): string {
  const { state, reference, layers, bytes, note, error, nextAt } = item;
  const again = nextAt === undefined ? "" : `, next attempt at ${timeOf(nextAt)}`;
  const parts = [
    layers.total > 0 && `${layers.done} of ${some(layers.total, "layer")}, ${sizeOf(bytes.done)}`,
    note,
    error && `${error}${again}`,
  ].filter(Boolean);
  return `${MARKS[state] ?? "•"} ${reference}${parts.length > 0 ? `: ${parts.join("; ")}` : ""}`;
}

function summaryOf(job: JobAnswer): string {
  const failed = job.counts.failed ? `, ${job.counts.failed} failed` : "";
  return `${job.state}: ${job.counts.done} of ${some(countOf(job), "image")}, ${sizeOf(job.bytes.done)} of ${sizeOf(job.bytes.total)}${failed}`;
}

/** Progress bars of the images under way, and of the whole job. */
function barsOf(job: JobWithItemsAnswer): string[] {
  const working = job.items.filter(({ state }) => state === "working").slice(0, 5);
  const width = Math.max(5, ...working.map(({ reference }) => reference.length));
  const line = (name: string, { bytes, layers }: Pick<JobAnswer, "bytes" | "layers">) =>
    `  ${name.padEnd(width)} ${barOf(bytes)} ${sizeOf(bytes.done)} of ${sizeOf(bytes.total)}, ${layers.done} of ${some(layers.total, "layer")}`;
  return [...working.map((item) => line(item.reference, item)), line("all", job)];
}

function barOf({ total, done }: AmountAnswer): string {
  const full = total === 0 ? 0 : Math.round((BAR * done) / total);
  return "█".repeat(full) + "░".repeat(BAR - full);
}
