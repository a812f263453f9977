// Prewarming: jobs that fetch images in advance.

import { z } from "@hono/zod-openapi";
import { platform, USUAL_PLATFORMS } from "../config/prewarm.ts";
import { number, position, time } from "./fields.ts";

/** Maximum number of images of one job. */
const MAX_REFERENCES = 500;

export const newJob = z.strictObject({
  references: z
    .array(z.string(), { error: "must be a list of images" })
    .min(1, "must name an image")
    .max(MAX_REFERENCES, `must hold ${MAX_REFERENCES} images at most`),
  platforms: z
    .array(platform, { error: 'must be a list of platforms, such as ["linux/amd64"], or ["all"]' })
    .min(1, "must name a platform")
    .max(20, "must hold 20 platforms at most")
    .default(USUAL_PLATFORMS),
  referrers: z.boolean("must be true or false").optional().openapi({
    description:
      "whether to fetch signatures, SBOMs and attestations too; default: as each rule says",
  }),
  priority: z
    .int("must be a whole number")
    .min(-100, "must be -100 at least")
    .max(100, "must be 100 at most")
    .default(0),
});

const JOB_STATES = ["running", "done", "failed", "cancelled"] as const;
const amount = z.object({ total: z.int(), done: z.int() });
export type AmountAnswer = z.infer<typeof amount>;

export const jobsQuery = {
  state: z.enum(JOB_STATES, "must be running, done, failed or cancelled").optional(),
  n: number(20, 200),
  before: position("the `next` of the previous page", 1),
};

export const job = z
  .object({
    id: z.string(),
    createdAt: time,
    createdBy: z.string(),
    priority: z.int(),
    platforms: z.array(z.string()),
    state: z.enum(JOB_STATES).openapi({ description: "failed: at least one image failed" }),
    endedAt: time.optional(),
    counts: z.object({
      waiting: z.int(),
      working: z.int(),
      done: z.int(),
      failed: z.int(),
      cancelled: z.int(),
    }),
    layers: amount.openapi({ description: "including configs, of what is known so far" }),
    bytes: amount,
  })
  .openapi("PrewarmJob");
export type JobAnswer = z.infer<typeof job>;

export const jobs = z.object({ jobs: z.array(job), next: z.int().optional() });
export type JobsAnswer = z.infer<typeof jobs>;

export const itemsQuery = {
  n: number(500, 1000),
  after: position("the `next` of the previous page", 0),
};

const item = z
  .object({
    seq: z.int(),
    reference: z.string(),
    state: z.enum(["waiting", "working", "done", "failed", "cancelled"]),
    digest: z.string().optional(),
    layers: amount,
    bytes: amount,
    note: z.string().optional(),
    error: z.string().optional(),
    nextAt: time.optional().openapi({ description: "time of the next attempt" }),
  })
  .openapi("PrewarmItem");
export type ItemAnswer = z.infer<typeof item>;

export const jobWithItems = job.extend({ items: z.array(item), next: z.int().optional() });
export type JobWithItemsAnswer = z.infer<typeof jobWithItems>;
