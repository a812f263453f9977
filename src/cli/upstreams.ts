// `npm run entrepot -- upstreams`: how a cache's upstreams stand.

import { Complaint, command, openApi, optionsIn } from "./api.ts";
import { timeOf } from "./words.ts";

const USAGE = `usage: npm run entrepot -- upstreams [--json]
options: --url URL   of the cache; without, the one of npm start. Its ADMIN_TOKEN comes from ENTREPOT_ADMIN_TOKEN`;

interface Upstream {
  upstream: string;
  credentials: string[];
  rules: string[];
  offline: boolean;
  pauses: { of: string; repository?: string; until: string; why: string }[];
  budget?: { limit: number; remaining: number; seenAt: string };
}

const PAUSED = { all: "all of it", pulls: "manifests by GET" };

await command(async () => {
  const args = process.argv.slice(2);
  if (args.length > 0 && !args[0]?.startsWith("--")) throw new Complaint(USAGE, 2);
  const options = optionsIn(args, { url: true, json: false }, USAGE);
  const told = await openApi(options.get("url")).ask<{ upstreams: Upstream[] }>(
    "GET",
    "/api/upstreams",
  );
  if (options.has("json")) {
    console.log(JSON.stringify(told, undefined, 2));
    return;
  }
  for (const { upstream, credentials, rules, offline, pauses, budget } of told.upstreams) {
    const sign = offline || pauses.length > 0 ? "•" : "✔";
    const as = credentials.length > 0 ? `, with ${credentials.join(", ")}` : "";
    console.log(`${sign} ${upstream}${as}: ${rules.join(", ")}${offline ? "; offline" : ""}`);
    if (budget)
      console.log(
        `    ${budget.remaining} of ${budget.limit} pulls were left at ${timeOf(budget.seenAt)}`,
      );
    for (const { of, repository, until, why } of pauses) {
      const what = repository ?? PAUSED[of as keyof typeof PAUSED];
      console.log(`    left alone until ${timeOf(until)}, ${what}: ${why}`);
    }
  }
});
