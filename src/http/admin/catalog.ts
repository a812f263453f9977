// The API's part about the catalog: what is cached, and what was counted.

import { z } from "@hono/zod-openapi";
import type { Catalog } from "../../catalog/contract.ts";
import type { Lifecycle } from "../../lifecycle/contract.ts";
import { timeOf } from "../shared/answers.ts";
import { atWork } from "./lifecycle.ts";
import { type Api, add, flag, type Note, number, time } from "./schemas.ts";

const DAY = 24 * 60 * 60_000;

const counts = z
  .object({
    day: z.iso.date(),
    rule: z.string(),
    place: z.string(),
    pulls: z.int(),
    hits: z.int(),
    misses: z.int(),
    collapsed: z.int(),
    stale: z.int(),
    bytesServed: z.int(),
    bytesFetched: z.int(),
    upstreamRequests: z.int(),
    upstreamPulls: z.int(),
    errors: z.int(),
  })
  .openapi("Counts");

const summary = z
  .object({
    repositories: z.int(),
    images: z.int(),
    tags: z.int(),
    manifests: z.int(),
    blobs: z.int(),
    bytes: z.int().openapi({ description: "in R2" }),
    reconciledAt: time.optional(),
    counts: z.array(counts),
  })
  .openapi("Catalog");
export type SummaryAnswer = z.infer<typeof summary>;

const rebuilt = z
  .object({
    done: z.boolean().openapi({ description: "until then, ask again" }),
    stage: z.enum(["manifests", "tags", "blobs"]).optional(),
    adopted: z.int(),
    error: z.string().optional(),
  })
  .openapi("Rebuilt");

export function addCatalog(api: Api, catalog: Catalog, opened: () => Lifecycle, note: Note): void {
  add(
    api,
    {
      method: "get",
      path: "/catalog",
      summary: "What is cached, and what was counted by day, rule and repository",
      query: { days: number(7, 90) },
      answer: summary,
    },
    async ({ days }) => {
      const from = new Date(Date.now() - (days - 1) * DAY).toISOString().slice(0, 10);
      const { reconciledAt, ...known } = await catalog.summary();
      const reconciled = reconciledAt === undefined ? {} : { reconciledAt: timeOf(reconciledAt) };
      return { ...known, ...reconciled, counts: await catalog.counts(from) };
    },
  );

  add(
    api,
    {
      method: "post",
      path: "/catalog/rebuild",
      summary: "Learns anew from R2 what is cached, a stretch at a time",
      query: { fresh: flag },
      answer: rebuilt,
      problems: [409],
    },
    async ({ fresh }, { req }) => {
      await note(req.raw, `had the catalog built anew${fresh ? ", from nothing" : ""}`);
      return (await opened().rebuild(fresh, Date.now())) ?? atWork();
    },
  );
}
