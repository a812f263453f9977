// `npm run lifecycle -- preview | sweep | runs | events`: previews and runs sweeps, and lists what they did.

import { Command } from "commander";
import type {
  LifecycleEventsAnswer,
  PreviewAnswer,
  RunAnswer,
  RunsAnswer,
} from "../api/lifecycle.ts";
import { Complaint, openApi, textOf } from "./api.ts";
import { type Asking, asking, print, wholeNumber, withExamples } from "./command.ts";
import { policyCommands } from "./policies.ts";
import { sizeOf, some, tableOf, timeOf } from "./words.ts";

const FORCE = "include images that the upstream could not serve again";

export function lifecycleCommand(): Command {
  const command = new Command("lifecycle")
    .summary("preview and run sweeps, and manage policies")
    .description("Preview and run sweeps, list what they did, and manage the policies.")
    .addCommand(previewCommand())
    .addCommand(sweepCommand())
    .addCommand(runsCommand())
    .addCommand(eventsCommand());
  for (const one of policyCommands()) command.addCommand(one);
  return withExamples(command, [
    "lifecycle preview --policy policy.json",
    "lifecycle sweep",
    "lifecycle events --n 20",
  ]);
}

function previewCommand(): Command {
  const command = new Command("preview")
    .summary("show what would expire now, and why")
    .description("Show what would expire now, why, and how much space is freed. Changes nothing.")
    .option(
      "--policy <file>",
      "file with a policy to try, - for standard input (default: the policies in force)",
    )
    .option("--in-force", "evaluate it as if it were in force, beside the policies of single rules")
    .option("--force", FORCE);
  return asking(command, [
    "lifecycle preview   with the policies in force",
    "lifecycle preview --policy policy.json   with a policy that is not in force yet",
    "lifecycle preview --url https://mirror.example.com --json",
  ]).action(async (options: Asking & { policy?: string; inForce?: boolean; force?: boolean }) => {
    const { policy, inForce, force } = options;
    const query = new URLSearchParams({
      ...(force && { force: "true" }),
      ...(inForce && { as: "common" }),
    });
    const path = `/api/lifecycle/preview?${query}`;
    const body = policy === undefined ? "" : textOf(policy);
    const answer = await openApi(options.url).ask<PreviewAnswer>("POST", path, body);
    print(answer, options, expiringIn);
  });
}

function expiringIn(answer: PreviewAnswer): string[] {
  const rows = answer.images.map((image) => [
    nameOf(image.name, image.tags, image.digest),
    sizeOf(image.size),
    `${image.policy} ${image.priority}`,
    image.waiting ? `kept: ${image.waiting}; ${image.reason}` : image.reason,
    image.markedAt ? timeOf(image.markedAt) : "",
  ]);
  const waiting = answer.images.filter((image) => image.waiting).length;
  const total = answer.expired.reduce((sum, { images }) => sum + images, 0);
  return [
    ...(rows.length > 0 ? tableOf(["IMAGE", "SIZE", "RULE", "REASON", "MARKED"], rows) : []),
    ...(answer.more > 0 ? [`and ${answer.more} more`] : []),
    ...(rows.length > 0 ? [""] : []),
    `${total} of ${some(answer.examined, "image")} would expire${waiting > 0 ? `, of which ${waiting} are kept for now` : ""}; ${sizeOf(answer.bytesFreed)} of ${sizeOf(answer.bytes)} would be freed ${hours(answer.grace)} after a sweep marks them.${answer.pinned > 0 ? ` Pins keep ${some(answer.pinned, "image")}.` : ""}`,
  ];
}

function hours(time: number): string {
  return time % 3_600_000 === 0 ? `${time / 3_600_000} h` : `${Math.round(time / 60_000)} min`;
}

function nameOf(name: string, tags: readonly string[], digest: string): string {
  const [tag, ...more] = tags;
  if (tag === undefined) return `${name}@${digest.slice(0, 19)}`;
  return `${name}:${tag}${more.length > 0 ? ` (+${more.length})` : ""}`;
}

function sweepCommand(): Command {
  const command = new Command("sweep")
    .alias("run")
    .summary("run a sweep now")
    .description(
      "Mark images that expire and delete those marked earlier, as the hourly cron does.",
    )
    .option("--force", FORCE);
  return asking(command, [
    "lifecycle sweep",
    "lifecycle sweep --url https://mirror.example.com --json",
  ]).action(async (options: Asking & { force?: boolean }) => {
    const path = `/api/lifecycle/runs${options.force ? "?force=true" : ""}`;
    const run = await openApi(options.url).ask<RunAnswer>("POST", path);
    const lines = summaryOf(run);
    if (run.error && !options.json)
      throw new Complaint([...lines, `the sweep failed at ${run.error}`].join("\n"));
    if (run.error) process.exitCode = 1;
    print(run, options, () => lines);
  });
}

function summaryOf(run: RunAnswer): string[] {
  const { images, tags, manifests, blobs } = run.deleted;
  const expired = run.expired.map(
    ({ policy, priority, images: count }) =>
      `  ${some(count, "image")} marked by ${policy}, rule ${priority}`,
  );
  const waiting = Object.entries(run.waiting).map(
    ([why, count]) => `  ${some(count, "image")} kept: ${why}`,
  );
  return [
    `run ${run.id}: ${some(run.examined, "image")} examined${run.unfinished ? ", unfinished: the next run continues" : ""}`,
    ...expired,
    ...waiting,
    ...(run.revived > 0 ? [`  ${some(run.revived, "image")} revived`] : []),
    `  deleted: ${some(images, "image")} (${some(tags, "tag")}, ${some(manifests, "manifest")}, ${some(blobs, "blob")}); ${sizeOf(run.bytesFreed)} freed`,
  ];
}

function runsCommand(): Command {
  const command = new Command("runs")
    .summary("list sweeps")
    .description("List sweeps and what they did, latest first.")
    .option("--n <number>", "maximum number (default: 100)", wholeNumber);
  return asking(command, ["lifecycle runs", "lifecycle runs --n 5 --json"]).action(
    async (options: Listing) => {
      const path = `/api/lifecycle/runs${limitIn(options)}`;
      const answer = await openApi(options.url).ask<RunsAnswer>("GET", path);
      const rows = answer.runs.map((run) => [
        String(run.id),
        timeOf(run.startedAt),
        run.trigger,
        run.duration === undefined ? "running" : `${(run.duration / 1000).toFixed(1)} s`,
        String(run.examined),
        String(run.expired.reduce((sum, { images }) => sum + images, 0)),
        String(run.deleted.images),
        sizeOf(run.bytesFreed),
        run.error ?? (run.unfinished ? "unfinished" : ""),
      ]);
      const head = ["RUN", "STARTED", "BY", "TOOK", "EXAMINED", "MARKED", "DELETED", "FREED", ""];
      print(answer, options, () => tableOf(head, rows));
    },
  );
}

function eventsCommand(): Command {
  const command = new Command("events")
    .summary("list what was deleted, and why")
    .description("List what was marked, revived and deleted, and why, latest first.")
    .option("--n <number>", "maximum number (default: 100)", wholeNumber);
  return asking(command, ["lifecycle events", "lifecycle events --n 20 --json"]).action(
    async (options: Listing) => {
      const path = `/api/lifecycle/events${limitIn(options)}`;
      const answer = await openApi(options.url).ask<LifecycleEventsAnswer>("GET", path);
      const rows = answer.events.map((event) => [
        timeOf(event.at),
        event.what,
        nameOf(event.place ?? "", event.tags ?? [], event.digest ?? ""),
        event.bytes === undefined ? "" : sizeOf(event.bytes),
        event.reason,
      ]);
      print(answer, options, () => tableOf(["AT", "EVENT", "IMAGE", "SIZE", "REASON"], rows));
    },
  );
}

interface Listing extends Asking {
  n?: string;
}

function limitIn({ n }: Listing): string {
  return n === undefined ? "" : `?n=${n}`;
}
