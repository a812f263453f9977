// `npm run entrepot -- upstreams`: shows the state of a cache's upstreams.

import { Command } from "commander";
import type { UpstreamAnswer, UpstreamsAnswer } from "../api/upstreams.ts";
import { openApi } from "./api.ts";
import { type Asking, asking, print } from "./command.ts";
import { SIGNS, timeOf } from "./words.ts";

const PAUSED = {
  all: "all requests",
  pulls: "manifests by GET",
  identities: "requests of single identities",
};

export function upstreamsCommand(): Command {
  const command = new Command("upstreams")
    .summary("show the state of the upstreams")
    .description(
      "Show the state of the upstreams: which are paused, until when and why, and what is left of their rate limits.",
    );
  return asking(command, ["upstreams", "upstreams --url https://mirror.example.com --json"]).action(
    async (options: Asking) => {
      const api = openApi(options.url);
      const answer = await api.ask<UpstreamsAnswer>("GET", "/api/upstreams");
      print(answer, options, ({ upstreams }) => upstreams.flatMap(linesOf));
    },
  );
}

function linesOf(answer: UpstreamAnswer): string[] {
  const { upstream, credentials, rules, offline, pauses, budget, spent = 0 } = answer;
  const sign = SIGNS[offline || pauses.length > 0 ? "careful" : "good"];
  const as = credentials.length > 0 ? `, with ${credentials.join(", ")}` : "";
  const left =
    budget && `    ${budget.remaining} of ${budget.limit} pulls left at ${timeOf(budget.seenAt)}`;
  return [
    `${sign} ${upstream}${as}: ${rules.join(", ")}${offline ? "; offline" : ""}`,
    ...(left ? [left] : []),
    ...pauses.map(({ of, repository, count, until, why }) => {
      const what = repository ?? PAUSED[of as keyof typeof PAUSED];
      const whom = count === undefined ? "" : `, for ${count} ${identities(count)}`;
      return `    paused until ${timeOf(until)}, ${what}${whom}: ${why}`;
    }),
    ...(spent > 0
      ? [`    ${spent} ${identities(spent)} used up their share of uncached content`]
      : []),
  ];
}

function identities(count: number): string {
  return count === 1 ? "identity" : "identities";
}
