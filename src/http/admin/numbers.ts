// The API's part about numbers: what was counted, what happened, what that saved and what it costs.

import { z } from "@hono/zod-openapi";
import type { Catalog } from "../../catalog/contract.ts";
import type { Totals } from "../../catalog/record/contract.ts";
import type { Config } from "../../config/read.ts";
import { isDockerHub } from "../../config/upstream.ts";
import { RegistryError } from "../../oci/error.ts";
import { readPrices } from "../../report/prices.ts";
import { reportOf } from "../../report/report.ts";
import { timeOf } from "../shared/answers.ts";
import { type Api, add, flag, number, numberIn, time } from "./schemas.ts";

const HOUR = 60 * 60_000;
const DAY = 24 * HOUR;
/** More rules than a configuration has. */
const ALL_RULES = 10_000;

/** Hours are kept for so long, in days. */
const MOST_DAYS_OF_HOURS = 8;
const BYS = ["hour", "day", "rule", "repository"] as const;

const amounts = {
  pulls: z.int().openapi({ description: "manifests by GET" }),
  hits: z.int(),
  misses: z.int(),
  collapsed: z.int().openapi({ description: "joined somebody else's fetch" }),
  stale: z.int(),
  errors: z.int(),
  bytesServed: z.int(),
  bytesFetched: z.int(),
  upstreamRequests: z.int(),
  upstreamPulls: z.int(),
};

const statistics = z
  .object({
    from: z.iso.date(),
    to: z.iso.date(),
    by: z.enum(BYS),
    rows: z.array(
      z.object({
        hour: time.optional().openapi({ description: "when it begins; of the last eight days" }),
        day: z.iso.date().optional(),
        rule: z.string().optional(),
        repository: z.string().optional(),
        place: z.string().optional().openapi({ description: "the upstream and the repository" }),
        ...amounts,
      }),
    ),
  })
  .openapi("Statistics");
export type StatisticsAnswer = z.infer<typeof statistics>;

const KINDS = [
  "image.cached",
  "tag.moved",
  "image.expired",
  "upstream.limited",
  "upstream.down",
  "upstream.up",
  "verification.failed",
] as const;

const event = z
  .object({
    id: z.int(),
    at: time,
    what: z.enum(KINDS),
    place: z.string().optional().openapi({ description: "the upstream and the repository" }),
    digest: z.string().optional(),
    tag: z.string().optional(),
    before: z.string().optional().openapi({ description: "what the tag meant" }),
    upstream: z.string().optional(),
    detail: z.string().optional(),
  })
  .openapi("Event");
export type EventAnswer = z.infer<typeof event>;

const saved = {
  pulls: z.int(),
  upstreamPulls: z.int(),
  pullsAvoided: z.int(),
  bytesServed: z.int(),
  bytesFetched: z.int(),
  bytesAvoided: z.int(),
};

const report = z
  .object({
    month: z.string(),
    elapsed: z.number().openapi({ description: "how much of the month has passed: 0 to 1" }),
    saved: z.object(saved),
    byRule: z.array(z.object({ rule: z.string(), ...saved })),
    dockerHub: z.object({
      ...saved,
      windowsAvoided: z.object({ anonymous: z.number(), personal: z.number() }).openapi({
        description:
          "windows of six hours: of 100 pulls without a login, of 200 with a Personal one",
      }),
    }),
    cost: z.object({
      currency: z.literal("USD"),
      prices: z.iso.date().openapi({ description: "when the price list was read" }),
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

const MONTH = /^20\d\d-(0[1-9]|1[0-2])$/;

export function addNumbers(
  api: Api,
  variables: Readonly<Record<string, unknown>>,
  catalog: Catalog,
  config: () => Config,
): void {
  add(
    api,
    {
      method: "get",
      path: "/stats",
      summary:
        "What was counted, by hour, by day, by rule, or by repository with the most pulled first",
      query: {
        days: number(30, 90).openapi({ description: "by hour 8 at most, of 24 hours each" }),
        by: z.enum(BYS, "must be hour, day, rule or repository").default("day"),
        n: number(100, 1000),
      },
      answer: statistics,
    },
    async ({ days, by, n }) => {
      const now = Date.now();
      if (by === "hour") return byHour(catalog, days, now);
      const [from, to] = [dayOf(now - (days - 1) * DAY), dayOf(now)];
      const rows = await catalog.totals(from, to, by, by === "day" ? days : n);
      return { from, to, by, rows: rows.map(rowOf) };
    },
  );

  add(
    api,
    {
      method: "get",
      path: "/events",
      summary: "What happened, in its order, from behind an id on: ask again with `next`",
      query: {
        n: number(100, 1000),
        after: numberIn(Number.MAX_SAFE_INTEGER, 0).optional().openapi({
          type: "integer",
          minimum: 0,
          description: "the `next` of the answer before; without it, from the first that is kept",
        }),
        latest: flag.openapi({ type: "boolean", description: "the last n, in place of `after`" }),
      },
      answer: z.object({ events: z.array(event), next: z.int() }),
    },
    async ({ n, after = 0, latest }) => {
      const happened = await catalog.happened(latest ? undefined : after, n);
      const events = happened.map(({ at, ...told }) => ({ ...told, at: timeOf(at) }));
      return { events, next: happened.at(-1)?.id ?? after };
    },
  );

  add(
    api,
    {
      method: "get",
      path: "/report",
      summary: "What the cache saved in a month, and what it costs by Cloudflare's price list",
      query: {
        month: z
          .string()
          .regex(MONTH, "must be a month, such as 2026-11")
          .optional()
          .openapi({ description: "without it, this one" }),
      },
      answer: report,
    },
    async ({ month: asked }) => {
      const now = Date.now();
      const month = asked ?? dayOf(now).slice(0, 7);
      const prices = pricesIn(variables);
      const [totals, operations, { bytes }] = await Promise.all([
        catalog.totals(`${month}-01`, `${month}-31`, "rule", ALL_RULES),
        catalog.operations(month),
        catalog.summary(),
      ]);
      const hubs = config().rules.filter(({ rule }) => isDockerHub(rule.upstream));
      const dockerHub = hubs.map(({ rule }) => rule.name);
      return reportOf({ month, now, totals, dockerHub, operations, storedBytes: bytes, prices });
    },
  );
}

async function byHour(catalog: Catalog, days: number, now: number) {
  if (days > MOST_DAYS_OF_HOURS) {
    const message = `days: must be ${MOST_DAYS_OF_HOURS} at most by hour`;
    throw new RegistryError("UNSUPPORTED", message, { status: 400 });
  }
  const from = new Date(now - (days * DAY - HOUR)).toISOString();
  const hours = await catalog.countedHours(from.slice(0, 13));
  const rows = hours.map(({ hour, ...counts }) => ({ hour: `${hour}:00:00.000Z`, ...counts }));
  return { from: from.slice(0, 10), to: dayOf(now), by: "hour", rows };
}

function pricesIn(variables: Readonly<Record<string, unknown>>) {
  try {
    return readPrices(variables.PRICES);
  } catch (error) {
    throw new RegistryError("UNKNOWN", (error as Error).message);
  }
}

function rowOf({ day, rule, place, ...counts }: Totals) {
  return {
    ...(day && { day }),
    ...(rule && { rule }),
    ...(place && { place, repository: place.slice(place.lastIndexOf("//") + 2) }),
    ...counts,
  };
}

function dayOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}
