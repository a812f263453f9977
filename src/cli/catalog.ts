// `npm run catalog -- show | rebuild`: what a cache's catalog knows; and how it learns anew from the stores what is cached.

import { type Api, Complaint, command, openApi, optionsIn } from "./api.ts";
import { sizeOf, some, tableOf } from "./words.ts";

const USAGE = `usage: npm run catalog -- show [--days NUMBER] [--json]   what is cached, and what was counted
       npm run catalog -- rebuild                         forgets what the catalog knows, and learns it from R2; no image is lost
options: --url URL   of the cache; without, the one of npm start. Its ADMIN_TOKEN comes from ENTREPOT_ADMIN_TOKEN`;

interface Catalog {
  repositories: number;
  images: number;
  tags: number;
  manifests: number;
  blobs: number;
  bytes: number;
  reconciledAt?: string;
  counts: {
    day: string;
    rule: string;
    pulls: number;
    hits: number;
    misses: number;
    collapsed: number;
    stale: number;
    bytesServed: number;
    bytesFetched: number;
    upstreamRequests: number;
  }[];
}

interface Rebuilt {
  done: boolean;
  stage?: string;
  adopted: number;
  error?: string;
}

await command(async () => {
  const [verb = "", ...args] = process.argv.slice(2);
  const options = optionsIn(args, { url: true, days: true, json: false }, USAGE);
  const api = openApi(options.get("url"));
  if (verb === "show") return show(api, options);
  if (verb === "rebuild") return rebuild(api);
  throw new Complaint(USAGE, 2);
});

async function show(api: Api, options: Map<string, string>): Promise<void> {
  const days = options.get("days");
  const query = days === undefined ? "" : `?days=${encodeURIComponent(days)}`;
  const told = await api.ask<Catalog>("GET", `/api/catalog${query}`);
  if (options.has("json")) {
    console.log(JSON.stringify(told, undefined, 2));
    return;
  }
  const { images, repositories, tags, manifests, blobs, bytes } = told;
  console.log(
    `${some(images, "image")} of ${repositories} repositories: ${some(tags, "tag")}, ${some(manifests, "manifest")}, ${some(blobs, "blob")}; ${sizeOf(bytes)}`,
  );
  if (told.counts.length === 0) return;
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
  const head = [
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
  for (const line of tableOf(head, rows)) console.log(line);
}

async function rebuild(api: Api): Promise<void> {
  let adopted = 0;
  for (let query = "?fresh=true"; ; query = "") {
    const told = await api.ask<Rebuilt>("POST", `/api/catalog/rebuild${query}`);
    adopted += told.adopted;
    if (told.error) throw new Complaint(`it failed at ${told.error}; ask again, and it goes on`);
    if (told.done) break;
    console.log(`${adopted} found; reading ${told.stage}`);
  }
  console.log(`done: ${adopted} manifests, tags and blobs found`);
}
