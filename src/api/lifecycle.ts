// The lifecycle: previews, sweeps, what they did, and the policies in force.

import { z } from "@hono/zod-openapi";
import { LIFECYCLE } from "../config/added.ts";
import { bytes, flag, number, time } from "./fields.ts";

export const previewQuery = {
  policy: z
    .string()
    .optional()
    .openapi({ description: "JSON, evaluated in place of the policies in force" }),
  force: flag,
  as: z.enum(["common"], "must be common").optional().openapi({
    description:
      "common: evaluate the policy as if it were in force, beside the policies of single rules; default: as if it were the only policy",
  }),
};

const ruleCount = z.object({ policy: z.string(), priority: z.int(), images: z.int() });

export const preview = z
  .object({
    now: time,
    grace: z.int().openapi({ description: "ms between mark and deletion" }),
    given: z.boolean().openapi({ description: "the policies are those of the request" }),
    examined: z.int(),
    pinned: z.int().openapi({ description: "of these, kept by pins whatever policies say" }),
    expired: z.array(ruleCount),
    images: z.array(
      z.object({
        name: z.string(),
        place: z.string(),
        digest: z.string(),
        tags: z.array(z.string()),
        size: bytes,
        pushedAt: time,
        pulledAt: time.optional(),
        unknownSince: time.optional(),
        policy: z.string(),
        priority: z.int(),
        reason: z.string(),
        markedAt: time.optional(),
        waiting: z.string().optional(),
      }),
    ),
    more: z.int().openapi({ description: "number of images that would expire and are not listed" }),
    bytesFreed: bytes,
    bytes,
  })
  .openapi("Preview");
export type PreviewAnswer = z.infer<typeof preview>;

export const runsQuery = { n: number(20, 1000) };
export const sweepQuery = { force: flag };

export const run = z
  .object({
    id: z.int(),
    trigger: z.enum(["cron", "request", "rebuild"]),
    now: time,
    startedAt: time,
    endedAt: time.optional(),
    duration: z.number().optional().openapi({ description: "ms" }),
    examined: z.int(),
    expired: z.array(ruleCount),
    revived: z.int(),
    waiting: z.record(z.string(), z.int()),
    deleted: z.object({
      images: z.int(),
      tags: z.int(),
      manifests: z.int(),
      blobs: z.int(),
      leftovers: z.int(),
    }),
    bytesFreed: bytes,
    adopted: z.int(),
    forgotten: z.int(),
    subrequests: z.int(),
    unfinished: z.boolean(),
    error: z.string().optional(),
  })
  .openapi("Run");
export type RunAnswer = z.infer<typeof run>;

export const runs = z.object({ runs: z.array(run) });
export type RunsAnswer = z.infer<typeof runs>;

const lifecycleEvent = z
  .object({
    id: z.int(),
    at: time,
    what: z.enum(["expired", "revived", "image", "tag", "manifest", "blob", "leftover"]),
    place: z.string().optional(),
    digest: z.string().optional(),
    tags: z.array(z.string()).optional(),
    bytes: bytes.optional(),
    policy: z.string().optional(),
    priority: z.int().optional(),
    reason: z.string(),
    run: z.int().optional(),
  })
  .openapi("LifecycleEvent");
export type LifecycleEventAnswer = z.infer<typeof lifecycleEvent>;

export const lifecycleEvents = z.object({
  events: z.array(lifecycleEvent),
  next: z.string().optional(),
});
export type LifecycleEventsAnswer = z.infer<typeof lifecycleEvents>;

export const policyFields = z
  .union([z.record(z.string(), z.unknown()), z.array(z.record(z.string(), z.unknown()))])
  .openapi({ description: "a policy, or a list of them, in ECR's grammar" });

export const policy = z
  .object({
    owner: z
      .string()
      .openapi({ description: `a rule's name, or ${LIFECYCLE} for all other names` }),
    source: z.enum(["configuration", "api", "default"]),
    policies: z.array(z.record(z.string(), z.unknown())).openapi({
      description:
        "those in force, in ECR's grammar; the first that matches a repository applies to it",
    }),
    problem: z.string().optional().openapi({
      description: "why the policies set by the API are not in force",
    }),
    version: z.int().optional(),
    changedAt: time.optional(),
    changedBy: z.string().optional(),
  })
  .openapi("Policies");
export type PolicyAnswer = z.infer<typeof policy>;

export const policies = z.object({ policies: z.array(policy) });
export type PoliciesAnswer = z.infer<typeof policies>;
