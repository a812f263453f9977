// The API's part about upstreams: how each stands, as its gate knows it.

import { z } from "@hono/zod-openapi";
import type { Config } from "../config/read.ts";
import { originOf } from "../policy/source.ts";
import type { Watch } from "../upstream/gate.ts";
import { timeOf } from "./answers.ts";
import { type Api, add, time } from "./api-schemas.ts";

const upstream = z
  .object({
    upstream: z.string(),
    credentials: z.array(z.string()).openapi({ description: "names of secrets" }),
    rules: z.array(z.string()).openapi({ description: "that lead to it" }),
    offline: z.boolean(),
    pauses: z.array(
      z.object({
        of: z.enum(["all", "pulls", "repository"]),
        repository: z.string().optional(),
        until: time,
        why: z.string(),
      }),
    ),
    budget: z
      .object({ limit: z.int(), remaining: z.int(), window: z.int(), seenAt: time })
      .optional()
      .openapi({ description: "of pulls, as it was told last; window in ms" }),
  })
  .openapi("Upstream");

export function addUpstreams(api: Api, gate: Watch, config: () => Config): void {
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
        const { offline, pauses, budget } = await gate.state(rule);
        const told = {
          upstream: rule.upstream.base,
          credentials: rule.credentials,
          rules: same.map((one) => one.rule.name),
          offline,
          pauses: pauses.map(({ of, repository, until, error }) => ({
            of,
            ...(repository !== undefined && { repository }),
            until: timeOf(until),
            why: error.message,
          })),
          ...(budget && { budget: { ...budget, seenAt: timeOf(budget.seenAt) } }),
        };
        return [told];
      });
      return { upstreams: (await Promise.all(upstreams)).flat() };
    },
  );
}
