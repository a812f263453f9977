// The API's part about upstreams: how each stands, as its gate knows it.

import { z } from "@hono/zod-openapi";
import type { Catalog } from "../../catalog/contract.ts";
import type { UpstreamHour } from "../../catalog/record/contract.ts";
import type { Config } from "../../config/read.ts";
import { originOf, originParts } from "../../policy/source.ts";
import type { Watch } from "../../upstream/contract.ts";
import { timeOf } from "../shared/answers.ts";
import { type Api, add, number, time } from "./schemas.ts";

const upstream = z
  .object({
    upstream: z.string(),
    credentials: z.array(z.string()).openapi({ description: "names of secrets" }),
    rules: z.array(z.string()).openapi({ description: "that lead to it" }),
    offline: z.boolean(),
    pauses: z.array(
      z.object({
        of: z.enum(["all", "pulls", "repository", "identities"]).openapi({
          description: "identities: what single identities ask, who saw several names fail",
        }),
        repository: z.string().optional(),
        count: z.int().optional().openapi({
          description: "identities that it concerns, where that is not all of them",
        }),
        until: time,
        why: z.string(),
      }),
    ),
    budget: z
      .object({ limit: z.int(), remaining: z.int(), window: z.int(), seenAt: time })
      .optional()
      .openapi({ description: "of pulls, as it was told last; window in ms" }),
    spent: z.int().optional().openapi({
      description: "identities that have asked for too much that is not cached (LIMITS)",
    }),
  })
  .openapi("Upstream");
export type UpstreamAnswer = z.infer<typeof upstream>;

const hour = z
  .object({
    hour: time.openapi({ description: "when it begins" }),
    upstream: z.string(),
    credentials: z.array(z.string()),
    requests: z.int(),
    failures: z.int().openapi({ description: "no answer, or 500 and above" }),
    limited: z.int().openapi({ description: "429" }),
    latency: z.int().openapi({ description: "ms until an answer began, on the average" }),
    slowest: z.int().openapi({ description: "ms" }),
    pullsLeft: z.int().optional().openapi({ description: "the least that was told" }),
    pullsLimit: z.int().optional(),
  })
  .openapi("UpstreamHour");
export type UpstreamHourAnswer = z.infer<typeof hour>;

const HOUR = 60 * 60_000;

export function addUpstreams(api: Api, gate: Watch, catalog: Catalog, config: () => Config): void {
  add(
    api,
    {
      method: "get",
      path: "/upstreams/history",
      summary:
        "How upstreams did, hour by hour: requests, failures, latency, and what was left of their limit",
      query: { hours: number(24, 24 * 90) },
      answer: z.object({ hours: z.array(hour) }),
    },
    async ({ hours }) => {
      const from = new Date(Date.now() - (hours - 1) * HOUR).toISOString().slice(0, 13);
      return { hours: (await catalog.hours(from)).map(hourTold) };
    },
  );

  add(
    api,
    {
      method: "get",
      path: "/upstreams",
      summary: "How each upstream stands: whether it is left alone, and what is left of its limit",
      answer: z.object({ upstreams: z.array(upstream) }),
    },
    async () => {
      const byOrigin = Map.groupBy(config().rules, ({ rule }) => originOf(rule));
      const upstreams = [...byOrigin.values()].map(async (same) => {
        const [first] = same;
        if (!first) return [];
        const { rule } = first;
        const { offline, pauses, budget, spent } = await gate.state(rule);
        const told = {
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
        return [told];
      });
      return { upstreams: (await Promise.all(upstreams)).flat() };
    },
  );
}

function hourTold({ hour, origin, requests, waited, left, limit, ...row }: UpstreamHour) {
  const { upstream, credentials } = originParts(origin);
  return {
    ...row,
    hour: `${hour}:00:00.000Z`,
    upstream: upstream.includes("://") ? upstream : `https://${upstream}`,
    credentials: credentials === "" ? [] : credentials.split(","),
    requests,
    latency: Math.round(waited / Math.max(1, requests)),
    ...(left !== undefined && { pullsLeft: left }),
    ...(limit !== undefined && { pullsLimit: limit }),
  };
}
