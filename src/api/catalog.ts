// The catalog: totals of what is cached, daily counts, and rebuilding it from R2.

import { z } from "@hono/zod-openapi";
import { flag, number, time } from "./fields.ts";

export const summaryQuery = { days: number(7, 90) };

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

export const summary = z
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

export const rebuildQuery = { fresh: flag };

export const rebuilt = z
  .object({
    done: z.boolean().openapi({ description: "repeat the request until this is true" }),
    stage: z.enum(["manifests", "tags", "blobs"]).optional(),
    adopted: z.int(),
    error: z.string().optional(),
  })
  .openapi("Rebuilt");
export type RebuiltAnswer = z.infer<typeof rebuilt>;
