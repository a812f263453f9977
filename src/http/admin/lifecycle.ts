// The API's part about the lifecycle: what it would do, does, and has done.

import { z } from "@hono/zod-openapi";
import type { Catalog } from "../../catalog/contract.ts";
import type { LifecycleEvent, RunReport } from "../../catalog/sweep/contract.ts";
import { parsePolicies } from "../../config/lifecycle.ts";
import type { LifecyclePolicy } from "../../config/lifecycle-policy.ts";
import type { Config } from "../../config/read.ts";
import type { Lifecycle } from "../../lifecycle/contract.ts";
import { RegistryError } from "../../oci/error.ts";
import { answerJson, timeOf } from "../shared/answers.ts";
import { textOf } from "../shared/body.ts";
import { badRequest } from "./problem.ts";
import { type Api, add, flag, type Note, nextOf, number, page, time } from "./schemas.ts";

/** A policy that is longer is none, in bytes. */
const LONGEST_POLICY = 256 * 1024;

const ruleCount = z.object({ policy: z.string(), priority: z.int(), images: z.int() });
const bytes = z.int().openapi({ description: "bytes" });

const preview = z
  .object({
    now: time,
    grace: z.int().openapi({ description: "ms between the mark and the deletion" }),
    given: z.boolean().openapi({ description: "the policies are the request's" }),
    examined: z.int(),
    pinned: z.int().openapi({ description: "of those, kept by pins, whatever policies say" }),
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
    more: z.int().openapi({ description: "that expire too and are not listed" }),
    bytesFreed: bytes,
    bytes,
  })
  .openapi("Preview");
export type PreviewAnswer = z.infer<typeof preview>;

const run = z
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

const event = z
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
export type LifecycleEventAnswer = z.infer<typeof event>;

/** @param lifecycle as a configuration says it */
export function addLifecycle(
  api: Api,
  catalog: Catalog,
  config: () => Config,
  lifecycle: (config: Config) => Lifecycle,
  note: Note,
): void {
  const tried = async (text: string | undefined, force: boolean, as: "common" | undefined) => {
    const read = text === undefined || text === "" ? undefined : parsePolicies(text, "policy");
    if (read && "problems" in read) return badRequest(read.problems);
    const policies: LifecyclePolicy[] | undefined = read?.policies;
    const now = Date.now();
    if (!policies || as === undefined)
      return lifecycle(config()).preview({ force, ...(policies && { policies }) }, now);
    const inForce = lifecycle({ ...config(), lifecycle: policies });
    return { ...(await inForce.preview({ force }, now)), given: true };
  };
  const policy = z.string().optional().openapi({ description: "JSON, in place of those in force" });
  const as = z.enum(["common"], "must be common").optional().openapi({
    description:
      "common: as the policy would act once it is put in force, beside what rules have of their own; without it, as if it were all that there is",
  });
  const query = { policy, force: flag, as };
  const previewed = { path: "/lifecycle/preview", query, answer: preview };
  const wouldExpire = "What would expire, why, and what comes free; nothing is changed by it";
  add(api, { method: "get", summary: wouldExpire, ...previewed }, (query) =>
    tried(query.policy, query.force, query.as),
  );
  add(
    api,
    {
      method: "post",
      summary: `${wouldExpire}; with a policy as the body`,
      ...previewed,
      problems: [413],
    },
    async (query, { req }) => {
      const text = query.policy ?? (await textOf(req.raw, LONGEST_POLICY, "a policy")).trim();
      return tried(text, query.force, query.as);
    },
  );

  add(
    api,
    {
      method: "get",
      path: "/lifecycle/runs",
      summary: "What sweeps did, the latest first",
      query: { n: number(20, 1000) },
      answer: z.object({ runs: z.array(run) }),
    },
    async ({ n }) => ({ runs: (await catalog.runs(n)).map(runTold) }),
  );

  add(
    api,
    {
      method: "post",
      path: "/lifecycle/runs",
      summary: "A sweep, now",
      query: { force: flag },
      answer: run,
      problems: [409, 503],
    },
    async ({ force }, { req }) => {
      // The API's policies may keep what the others would expire.
      if (config().isPartial)
        throw new RegistryError("UNAVAILABLE", "it cannot be told which policies are in force", {
          status: 503,
          headers: { "Retry-After": "5" },
        });
      await note(req.raw, `had the lifecycle run${force ? ", by force" : ""}`);
      const report = await lifecycle(config()).sweep({ trigger: "request", force }, Date.now());
      return report ? runTold(report) : atWork();
    },
  );

  add(
    api,
    {
      method: "get",
      path: "/lifecycle/events",
      summary: "What expired, came back to life, or was deleted, and why; the latest first",
      query: page,
      answer: z.object({ events: z.array(event), next: z.string().optional() }),
    },
    async ({ n, before }) => {
      const events = await catalog.events(before, n);
      const { next, headers } = nextOf("/api/lifecycle/events", events, n);
      return answerJson({ events: events.map(eventTold), ...next }, headers);
    },
  );
}

export function atWork(): never {
  throw new RegistryError("UNAVAILABLE", "a sweep is at work; ask again when it has ended", {
    status: 409,
  });
}

/** With times as people and programs read them. */
function runTold({ now, startedAt, endedAt, ...report }: RunReport): object {
  const times = { now: timeOf(now), startedAt: timeOf(startedAt) };
  return { ...report, ...times, ...(endedAt !== undefined && { endedAt: timeOf(endedAt) }) };
}

function eventTold({ at, ...told }: LifecycleEvent): object {
  return { ...told, at: timeOf(at) };
}
