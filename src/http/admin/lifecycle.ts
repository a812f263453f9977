// API routes for the lifecycle: previews, sweeps, and what sweeps have done.

import { page } from "../../api/fields.ts";
import {
  type LifecycleEventAnswer,
  lifecycleEvents,
  preview,
  previewQuery,
  type RunAnswer,
  run,
  runs,
  runsQuery,
  sweepQuery,
} from "../../api/lifecycle.ts";
import type { Catalog } from "../../catalog/contract.ts";
import type { LifecycleEvent, RunReport } from "../../catalog/sweep/contract.ts";
import { parsePolicies } from "../../config/lifecycle.ts";
import type { LifecyclePolicy } from "../../config/lifecycle-policy.ts";
import type { Config } from "../../config/read.ts";
import type { Lifecycle } from "../../lifecycle/contract.ts";
import { answerJson, timeOf } from "../shared/answers.ts";
import { textOf } from "../shared/body.ts";
import { ApiProblem, invalid } from "./problem.ts";
import { type Api, add, type Note, nextOf } from "./routes.ts";

/** Maximum size of a policy, in bytes. */
const MAX_POLICY = 256 * 1024;

interface LifecycleServices {
  readonly catalog: Pick<Catalog, "runs" | "events">;
  /** Opens the lifecycle for a configuration. */
  lifecycle(config: Config): Lifecycle;
}

export function addLifecycle(
  api: Api,
  { catalog, lifecycle }: LifecycleServices,
  config: () => Config,
  note: Note,
): void {
  const tried = async (text: string | undefined, force: boolean, as: "common" | undefined) => {
    const read = text === undefined || text === "" ? undefined : parsePolicies(text, "policy");
    if (read && "problems" in read) throw invalid(...read.problems);
    const policies: LifecyclePolicy[] | undefined = read?.policies;
    const now = Date.now();
    if (!policies || as === undefined)
      return lifecycle(config()).preview({ force, ...(policies && { policies }) }, now);
    const inForce = lifecycle({ ...config(), lifecycle: policies });
    return { ...(await inForce.preview({ force }, now)), given: true };
  };
  const previewed = { path: "/lifecycle/preview", query: previewQuery, answer: preview };
  const wouldExpire =
    "Returns what would expire, why, and how much space is freed; changes nothing";
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
      const text = query.policy ?? (await textOf(req.raw, MAX_POLICY, "a policy")).trim();
      return tried(text, query.force, query.as);
    },
  );

  add(
    api,
    {
      method: "get",
      path: "/lifecycle/runs",
      summary: "Lists sweeps and what they did, latest first",
      query: runsQuery,
      answer: runs,
    },
    async ({ n }) => ({ runs: (await catalog.runs(n)).map(runAnswer) }),
  );

  add(
    api,
    {
      method: "post",
      path: "/lifecycle/runs",
      summary: "Runs a sweep now",
      query: sweepQuery,
      answer: run,
      problems: [409, 503],
    },
    async ({ force }, { req }) => {
      // Policies set through the API may keep images that the configured ones would expire.
      if (config().isPartial)
        throw new ApiProblem("unavailable", "it cannot be determined which policies are in force", {
          "Retry-After": "5",
        });
      await note(req.raw, `ran a sweep${force ? " with force" : ""}`);
      const report = await lifecycle(config()).sweep({ trigger: "request", force }, Date.now());
      return report ? runAnswer(report) : sweepRunning();
    },
  );

  add(
    api,
    {
      method: "get",
      path: "/lifecycle/events",
      summary: "Lists what was marked, revived and deleted, and why; latest first",
      query: page,
      answer: lifecycleEvents,
    },
    async ({ n, before }) => {
      const events = await catalog.events(before, n);
      const { next, headers } = nextOf("/api/lifecycle/events", events, n);
      return answerJson({ events: events.map(eventAnswer), ...next }, headers);
    },
  );
}

export function sweepRunning(): never {
  throw new ApiProblem("sweep-running", "a sweep is running; retry when it has ended");
}

function runAnswer({ now, startedAt, endedAt, ...report }: RunReport): RunAnswer {
  const times = { now: timeOf(now), startedAt: timeOf(startedAt) };
  return { ...report, ...times, ...(endedAt !== undefined && { endedAt: timeOf(endedAt) }) };
}

function eventAnswer({ at, ...rest }: LifecycleEvent): LifecycleEventAnswer {
  return { ...rest, at: timeOf(at) };
}
