// API routes for upstreams: the state of each, as its gate knows it, and its history by hour.

import {
  type UpstreamAnswer,
  type UpstreamHourAnswer,
  upstreamHours,
  upstreamHoursQuery,
  upstreams,
} from "../../api/upstreams.ts";
import type { Catalog } from "../../catalog/contract.ts";
import type { UpstreamHour } from "../../catalog/record/contract.ts";
import type { Config } from "../../config/read.ts";
import { originOf, originParts } from "../../policy/source.ts";
import { hourOf, startOfHour } from "../../text/times.ts";
import type { Watch } from "../../upstream/contract.ts";
import { timeOf } from "../shared/answers.ts";
import { type Api, add } from "./routes.ts";

const HOUR = 60 * 60_000;

export function addUpstreams(api: Api, gate: Watch, catalog: Catalog, config: () => Config): void {
  add(
    api,
    {
      method: "get",
      path: "/upstreams/history",
      summary: "Returns requests, failures, latency and remaining rate limit of upstreams by hour",
      query: upstreamHoursQuery,
      answer: upstreamHours,
    },
    async ({ hours }) => {
      const from = hourOf(Date.now() - (hours - 1) * HOUR);
      return { hours: (await catalog.hours(from)).map(hourAnswer) };
    },
  );

  add(
    api,
    {
      method: "get",
      path: "/upstreams",
      summary:
        "Returns the state of each upstream: whether it is paused, and its remaining rate limit",
      answer: upstreams,
    },
    async () => {
      const byOrigin = Map.groupBy(config().rules, ({ rule }) => originOf(rule));
      const all = [...byOrigin.values()].map(async (same) => {
        const [first] = same;
        if (!first) return [];
        const { rule } = first;
        const { offline, pauses, budget, spent } = await gate.state(rule);
        const answer: UpstreamAnswer = {
          upstream: rule.upstream.base,
          credentials: rule.credentials,
          rules: same.map((one) => one.rule.name),
          offline,
          pauses: pauses.map(({ of, repository, count, until, error }) => ({
            of,
            ...(repository !== undefined && { repository }),
            ...(count !== undefined && { count }),
            until: timeOf(until),
            why: error.message,
          })),
          ...(budget && { budget: { ...budget, seenAt: timeOf(budget.seenAt) } }),
          ...(spent && { spent }),
        };
        return [answer];
      });
      return { upstreams: (await Promise.all(all)).flat() };
    },
  );
}

function hourAnswer({
  hour,
  origin,
  requests,
  waited,
  left,
  limit,
  ...row
}: UpstreamHour): UpstreamHourAnswer {
  const { upstream, credentials } = originParts(origin);
  return {
    ...row,
    hour: startOfHour(hour),
    upstream: upstream.includes("://") ? upstream : `https://${upstream}`,
    credentials: credentials === "" ? [] : credentials.split(","),
    requests,
    latency: Math.round(waited / Math.max(1, requests)),
    ...(left !== undefined && { pullsLeft: left }),
    ...(limit !== undefined && { pullsLimit: limit }),
  };
}
