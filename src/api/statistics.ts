// Statistics: counts by hour, day, rule or repository, events, and the monthly report.

import { z } from "@hono/zod-openapi";
import { HAPPENINGS } from "../meter/happenings.ts";
import { flag, number, position, time } from "./fields.ts";

const BYS = ["hour", "day", "rule", "repository"] as const;

export const statisticsQuery = {
  days: number(30, 90).openapi({ description: "by hour at most 8, of 24 hours each" }),
  by: z.enum(BYS, "must be hour, day, rule or repository").default("day"),
  n: number(100, 1000),
};

const amounts = {
  pulls: z.int().openapi({ description: "manifests by GET" }),
  hits: z.int(),
  misses: z.int(),
  collapsed: z.int().openapi({ description: "requests that joined a fetch under way" }),
  stale: z.int(),
  errors: z.int(),
  bytesServed: z.int(),
  bytesFetched: z.int(),
  upstreamRequests: z.int(),
  upstreamPulls: z.int(),
};

const statisticsRow = z.object({
  hour: time.optional().openapi({ description: "its beginning; of the last eight days" }),
  day: z.iso.date().optional(),
  rule: z.string().optional(),
  repository: z.string().optional(),
  place: z.string().optional().openapi({ description: "the upstream and the repository" }),
  ...amounts,
});
export type StatisticsRowAnswer = z.infer<typeof statisticsRow>;

export const statistics = z
  .object({
    from: z.iso.date(),
    to: z.iso.date(),
    by: z.enum(BYS),
    rows: z.array(statisticsRow),
  })
  .openapi("Statistics");
export type StatisticsAnswer = z.infer<typeof statistics>;

export const eventsQuery = {
  n: number(100, 1000),
  after: position("the `next` of the previous answer; default: from the oldest event kept", 0),
  latest: flag.openapi({ type: "boolean", description: "the last n, in place of `after`" }),
};

const event = z
  .object({
    id: z.int(),
    at: time,
    what: z.enum(HAPPENINGS),
    place: z.string().optional().openapi({ description: "the upstream and the repository" }),
    digest: z.string().optional(),
    tag: z.string().optional(),
    before: z.string().optional().openapi({ description: "the tag's digest before" }),
    upstream: z.string().optional(),
    detail: z.string().optional(),
  })
  .openapi("Event");
export type EventAnswer = z.infer<typeof event>;

export const events = z.object({ events: z.array(event), next: z.int() });
export type EventsAnswer = z.infer<typeof events>;

const MONTH = /^20\d\d-(0[1-9]|1[0-2])$/;

export const reportQuery = {
  month: z
    .string()
    .regex(MONTH, "must be a month, such as 2026-11")
    .optional()
    .openapi({ description: "default: the current month" }),
};

const saved = {
  pulls: z.int(),
  upstreamPulls: z.int(),
  pullsAvoided: z.int(),
  bytesServed: z.int(),
  bytesFetched: z.int(),
  bytesAvoided: z.int(),
};

export const report = z
  .object({
    month: z.string(),
    elapsed: z.number().openapi({ description: "share of the month that has passed: 0 to 1" }),
    saved: z.object(saved),
    byRule: z.array(z.object({ rule: z.string(), ...saved })),
    dockerHub: z.object({
      ...saved,
      windowsAvoided: z.object({ anonymous: z.number(), personal: z.number() }).openapi({
        description:
          "windows of six hours: of 100 pulls without a login, of 200 with a Personal account",
      }),
    }),
    cost: z.object({
      currency: z.literal("USD"),
      prices: z.iso.date().openapi({ description: "date of the price list" }),
      plan: z.number(),
      lines: z.array(
        z.object({
          item: z.string(),
          what: z.string(),
          used: z.number(),
          included: z.number(),
          cost: z.number(),
          projected: z.number(),
        }),
      ),
      total: z.number(),
      projected: z.number(),
      notIncluded: z.string(),
    }),
  })
  .openapi("Report");
export type ReportAnswer = z.infer<typeof report>;
