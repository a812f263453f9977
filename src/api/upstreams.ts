// Upstreams: the state of each, and its history hour by hour.

import { z } from "@hono/zod-openapi";
import { number, time } from "./fields.ts";

const upstream = z
  .object({
    upstream: z.string(),
    credentials: z.array(z.string()).openapi({ description: "names of secrets" }),
    rules: z.array(z.string()).openapi({ description: "rules that lead to it" }),
    offline: z.boolean(),
    pauses: z.array(
      z.object({
        of: z.enum(["all", "pulls", "repository", "identities"]).openapi({
          description:
            "identities: requests of single identities for which several names have failed",
        }),
        repository: z.string().optional(),
        count: z.int().optional().openapi({
          description: "number of identities paused, where it is not all of them",
        }),
        until: time,
        why: z.string(),
      }),
    ),
    budget: z
      .object({ limit: z.int(), remaining: z.int(), window: z.int(), seenAt: time })
      .optional()
      .openapi({ description: "of pulls, as the upstream last reported it; window in ms" }),
    spent: z.int().optional().openapi({
      description:
        "number of identities that have used up their share of uncached content (LIMITS)",
    }),
  })
  .openapi("Upstream");
export type UpstreamAnswer = z.infer<typeof upstream>;

export const upstreams = z.object({ upstreams: z.array(upstream) });
export type UpstreamsAnswer = z.infer<typeof upstreams>;

export const upstreamHoursQuery = { hours: number(24, 24 * 90) };

const upstreamHour = z
  .object({
    hour: time.openapi({ description: "its beginning" }),
    upstream: z.string(),
    credentials: z.array(z.string()),
    requests: z.int(),
    failures: z.int().openapi({ description: "no answer, or status 500 and above" }),
    limited: z.int().openapi({ description: "status 429" }),
    latency: z.int().openapi({ description: "average time to the first byte, in ms" }),
    slowest: z.int().openapi({ description: "ms" }),
    pullsLeft: z.int().optional().openapi({ description: "lowest value reported" }),
    pullsLimit: z.int().optional(),
  })
  .openapi("UpstreamHour");
export type UpstreamHourAnswer = z.infer<typeof upstreamHour>;

export const upstreamHours = z.object({ hours: z.array(upstreamHour) });
export type UpstreamHoursAnswer = z.infer<typeof upstreamHours>;
