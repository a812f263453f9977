// `npm run entrepot -- upstreams`: how a cache's upstreams stand.

import { Command } from "commander";
import type { UpstreamAnswer, UpstreamsAnswer } from "../api/upstreams.ts";
import { openApi } from "./api.ts";
import { type Asking, asking, print } from "./command.ts";
import { SIGNS, timeOf } from "./words.ts";

const PAUSED = {
  all: "all of it",
  pulls: "manifests by GET",
  identities: "what single identities ask",
};

export function upstreamsCommand(): Command {
  const command = new Command("upstreams")
    .summary("how the upstreams stand")
    .description(
      "How the upstreams stand: which are left alone, until when and why, and what is left of their rate limits.",
    );
  return asking(command, ["upstreams", "upstreams --url https://mirror.example.com --json"]).action(
    async (options: Asking) => {
      const api = openApi(options.url);
      const told = await api.ask<UpstreamsAnswer>("GET", "/api/upstreams");
      print(told, options, ({ upstreams }) => upstreams.flatMap(linesOf));
    },
  );
}

function linesOf(told: UpstreamAnswer): string[] {
  const { upstream, credentials, rules, offline, pauses, budget, spent = 0 } = told;
  const sign = SIGNS[offline || pauses.length > 0 ? "careful" : "good"];
  const as = credentials.length > 0 ? `, with ${credentials.join(", ")}` : "";
  const left =
    budget &&
    `    ${budget.remaining} of ${budget.limit} pulls were left at ${timeOf(budget.seenAt)}`;
  return [
    `${sign} ${upstream}${as}: ${rules.join(", ")}${offline ? "; offline" : ""}`,
    ...(left ? [left] : []),
    ...pauses.map(({ of, repository, count, until, why }) => {
      const what = repository ?? PAUSED[of as keyof typeof PAUSED];
      const whom = count === undefined ? "" : `, for ${count} ${identities(count)}`;
      return `    left alone until ${timeOf(until)}, ${what}${whom}: ${why}`;
    }),
    ...(spent > 0
      ? [`    ${spent} ${identities(spent)} asked for too much that is not cached`]
      : []),
  ];
}

function identities(count: number): string {
  return count === 1 ? "identity" : "identities";
}
