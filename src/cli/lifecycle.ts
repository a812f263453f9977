// `npm run lifecycle -- preview | sweep | runs | events`: what a cache's lifecycle would do, does, and has done.

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

const FORCE = "also where its upstream could not give it again";

export function lifecycleCommand(): Command {
  const command = new Command("lifecycle")
    .summary("what would expire, does, and did")
    .description("What would expire by the policies, what does, and what did.")
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
    .summary("what would expire now, and why")
    .description("Says what would expire now, why, and how much comes free; nothing is changed.")
    .option("--policy <file>", "with a policy to try, - for standard input; else what is in force")
    .option(
      "--in-force",
      "as it would act once it is put in force, beside what rules have of their own",
    )
    .option("--force", FORCE);
  return asking(command, [
    "lifecycle preview   of the policies that are in force",
    "lifecycle preview --policy policy.json   of one to try, before it is put in force",
    "lifecycle preview --url https://mirror.example.com --json",
  ]).action(async (options: Asking & { policy?: string; inForce?: boolean; force?: boolean }) => {
    const { policy, inForce, force } = options;
    const query = new URLSearchParams({
      ...(force && { force: "true" }),
      ...(inForce && { as: "common" }),
    });
    const path = `/api/lifecycle/preview?${query}`;
    const body = policy === undefined ? "" : textOf(policy);
    const told = await openApi(options.url).ask<PreviewAnswer>("POST", path, body);
    print(told, options, expiringIn);
  });
}

function expiringIn(told: PreviewAnswer): string[] {
  const rows = told.images.map((image) => [
    nameOf(image.name, image.tags, image.digest),
    sizeOf(image.size),
    `${image.policy} ${image.priority}`,
    image.waiting ? `stays, since ${image.waiting}; ${image.reason}` : image.reason,
    image.markedAt ? timeOf(image.markedAt) : "",
  ]);
  const waiting = told.images.filter((image) => image.waiting).length;
  const total = told.expired.reduce((sum, { images }) => sum + images, 0);
  return [
    ...(rows.length > 0 ? tableOf(["IMAGE", "SIZE", "RULE", "WHY", "MARKED"], rows) : []),
    ...(told.more > 0 ? [`and ${told.more} more`] : []),
    ...(rows.length > 0 ? [""] : []),
    `${total} of ${some(told.examined, "image")} would expire${waiting > 0 ? `, and ${waiting} of them stay for now` : ""}; ${sizeOf(told.bytesFreed)} of ${sizeOf(told.bytes)} come free ${hours(told.grace)} after a sweep has marked them.${told.pinned > 0 ? ` Pins keep ${some(told.pinned, "image")}, whatever policies say.` : ""}`,
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
    .summary("marks and deletes, now")
    .description("Marks what expires and deletes what was marked, now, as the hourly cron does.")
    .option("--force", FORCE);
  return asking(command, [
    "lifecycle sweep",
    "lifecycle sweep --url https://mirror.example.com --json",
  ]).action(async (options: Asking & { force?: boolean }) => {
    const path = `/api/lifecycle/runs${options.force ? "?force=true" : ""}`;
    const run = await openApi(options.url).ask<RunAnswer>("POST", path);
    const lines = summaryOf(run);
    if (run.error && !options.json)
      throw new Complaint([...lines, `it failed at ${run.error}`].join("\n"));
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
    ([why, count]) => `  ${some(count, "image")} ${count === 1 ? "stays" : "stay"}, since ${why}`,
  );
  return [
    `run ${run.id}: ${some(run.examined, "image")} examined${run.unfinished ? ", not to the end: the next run goes on" : ""}`,
    ...expired,
    ...waiting,
    ...(run.revived > 0 ? [`  ${some(run.revived, "image")} came back to life`] : []),
    `  deleted: ${some(images, "image")} (${some(tags, "tag")}, ${some(manifests, "manifest")}, ${some(blobs, "blob")}); ${sizeOf(run.bytesFreed)} freed`,
  ];
}

function runsCommand(): Command {
  const command = new Command("runs")
    .summary("what sweeps did")
    .description("Lists what sweeps did, the latest first.")
    .option("--n <number>", "how many at most; without, 100", wholeNumber);
  return asking(command, ["lifecycle runs", "lifecycle runs --n 5 --json"]).action(
    async (options: Listing) => {
      const path = `/api/lifecycle/runs${limitIn(options)}`;
      const told = await openApi(options.url).ask<RunsAnswer>("GET", path);
      const rows = told.runs.map((run) => [
        String(run.id),
        timeOf(run.startedAt),
        run.trigger,
        run.duration === undefined ? "at work" : `${(run.duration / 1000).toFixed(1)} s`,
        String(run.examined),
        String(run.expired.reduce((sum, { images }) => sum + images, 0)),
        String(run.deleted.images),
        sizeOf(run.bytesFreed),
        run.error ?? (run.unfinished ? "not to the end" : ""),
      ]);
      const head = ["RUN", "STARTED", "BY", "TOOK", "EXAMINED", "MARKED", "DELETED", "FREED", ""];
      print(told, options, () => tableOf(head, rows));
    },
  );
}

function eventsCommand(): Command {
  const command = new Command("events")
    .summary("what was deleted, and why")
    .description("Lists what was marked, revived and deleted, and why, the latest first.")
    .option("--n <number>", "how many at most; without, 100", wholeNumber);
  return asking(command, ["lifecycle events", "lifecycle events --n 20 --json"]).action(
    async (options: Listing) => {
      const path = `/api/lifecycle/events${limitIn(options)}`;
      const told = await openApi(options.url).ask<LifecycleEventsAnswer>("GET", path);
      const rows = told.events.map((event) => [
        timeOf(event.at),
        event.what,
        nameOf(event.place ?? "", event.tags ?? [], event.digest ?? ""),
        event.bytes === undefined ? "" : sizeOf(event.bytes),
        event.reason,
      ]);
      print(told, options, () => tableOf(["AT", "WHAT", "OF", "SIZE", "WHY"], rows));
    },
  );
}

interface Listing extends Asking {
  n?: string;
}

function limitIn({ n }: Listing): string {
  return n === undefined ? "" : `?n=${n}`;
}
