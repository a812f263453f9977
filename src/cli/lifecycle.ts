// `npm run lifecycle -- preview | sweep | runs | events`: what a cache's lifecycle would do, does, and has done.

import { type Api, Complaint, command, openApi, optionsIn, textOf } from "./api.ts";
import { sizeOf, some, tableOf, timeOf } from "./words.ts";

const USAGE = `usage: npm run lifecycle -- preview [--policy FILE] [--force]   what would expire now, and why; nothing is changed
       npm run lifecycle -- sweep [--force]                     marks and deletes now, as the hourly cron does
       npm run lifecycle -- runs | events [--n NUMBER]          what was done
options: --url URL   of the cache; without, the one of npm start. Its ADMIN_TOKEN comes from ENTREPOT_ADMIN_TOKEN
         --json      as the API answers`;

interface Rule {
  policy: string;
  priority: number;
  images: number;
}

interface Preview {
  grace: number;
  examined: number;
  expired: Rule[];
  images: {
    name: string;
    digest: string;
    tags: string[];
    size: number;
    policy: string;
    priority: number;
    reason: string;
    markedAt?: string;
    waiting?: string;
  }[];
  more: number;
  bytesFreed: number;
  bytes: number;
}

interface Run {
  id: number;
  trigger: string;
  startedAt: string;
  duration?: number;
  examined: number;
  expired: Rule[];
  revived: number;
  waiting: Record<string, number>;
  deleted: { images: number; tags: number; manifests: number; blobs: number };
  bytesFreed: number;
  unfinished: boolean;
  error?: string;
}

interface Event {
  at: string;
  what: string;
  place?: string;
  digest?: string;
  tags?: string[];
  bytes?: number;
  reason: string;
}

await command(async () => {
  const [verb = "", ...args] = process.argv.slice(2);
  const known = { url: true, policy: true, force: false, json: false, n: true };
  const options = optionsIn(args, known, USAGE);
  const api = openApi(options.get("url"));
  const verbs: Record<string, (api: Api, options: Map<string, string>) => Promise<string[]>> = {
    preview,
    sweep,
    runs,
    events,
  };
  const work = verbs[verb];
  if (!work) throw new Complaint(USAGE, 2);
  for (const line of await work(api, options)) console.log(line);
});

async function preview(api: Api, options: Map<string, string>): Promise<string[]> {
  const file = options.get("policy");
  const path = `/api/lifecycle/preview${options.has("force") ? "?force=true" : ""}`;
  const told = await api.ask<Preview>("POST", path, file === undefined ? "" : textOf(file));
  if (options.has("json")) return [JSON.stringify(told, undefined, 2)];
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
    `${total} of ${some(told.examined, "image")} would expire${waiting > 0 ? `, and ${waiting} of them stay for now` : ""}; ${sizeOf(told.bytesFreed)} of ${sizeOf(told.bytes)} come free ${hours(told.grace)} after a sweep has marked them.`,
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

async function sweep(api: Api, options: Map<string, string>): Promise<string[]> {
  const path = `/api/lifecycle/runs${options.has("force") ? "?force=true" : ""}`;
  const run = await api.ask<Run>("POST", path);
  if (options.has("json")) return [JSON.stringify(run, undefined, 2)];
  if (run.error) throw new Complaint(`${summaryOf(run).join("\n")}\nit failed at ${run.error}`);
  return summaryOf(run);
}

function summaryOf(run: Run): string[] {
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

async function runs(api: Api, options: Map<string, string>): Promise<string[]> {
  const told = await api.ask<{ runs: Run[] }>("GET", `/api/lifecycle/runs${limitIn(options)}`);
  if (options.has("json")) return [JSON.stringify(told, undefined, 2)];
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
  return tableOf(head, rows);
}

async function events(api: Api, options: Map<string, string>): Promise<string[]> {
  const told = await api.ask<{ events: Event[] }>(
    "GET",
    `/api/lifecycle/events${limitIn(options)}`,
  );
  if (options.has("json")) return [JSON.stringify(told, undefined, 2)];
  const rows = told.events.map((event) => [
    timeOf(event.at),
    event.what,
    nameOf(event.place ?? "", event.tags ?? [], event.digest ?? ""),
    event.bytes === undefined ? "" : sizeOf(event.bytes),
    event.reason,
  ]);
  return tableOf(["AT", "WHAT", "OF", "SIZE", "WHY"], rows);
}

function limitIn(options: Map<string, string>): string {
  const limit = options.get("n");
  return limit === undefined ? "" : `?n=${encodeURIComponent(limit)}`;
}
