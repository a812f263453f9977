// The API's part about the lifecycle: what it would do, does, and has done.

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

/** A policy that is longer is none, in bytes. */
const LONGEST_POLICY = 256 * 1024;

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
    if (read && "problems" in read) throw invalid(...read.problems);
    const policies: LifecyclePolicy[] | undefined = read?.policies;
    const now = Date.now();
    if (!policies || as === undefined)
      return lifecycle(config()).preview({ force, ...(policies && { policies }) }, now);
    const inForce = lifecycle({ ...config(), lifecycle: policies });
    return { ...(await inForce.preview({ force }, now)), given: true };
  };
  const previewed = { path: "/lifecycle/preview", query: previewQuery, answer: preview };
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
      query: runsQuery,
      answer: runs,
    },
    async ({ n }) => ({ runs: (await catalog.runs(n)).map(runTold) }),
  );

  add(
    api,
    {
      method: "post",
      path: "/lifecycle/runs",
      summary: "A sweep, now",
      query: sweepQuery,
      answer: run,
      problems: [409, 503],
    },
    async ({ force }, { req }) => {
      // The API's policies may keep what the others would expire.
      if (config().isPartial)
        throw new ApiProblem("unavailable", "it cannot be determined which policies are in force", {
          "Retry-After": "5",
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
      answer: lifecycleEvents,
    },
    async ({ n, before }) => {
      const events = await catalog.events(before, n);
      const { next, headers } = nextOf("/api/lifecycle/events", events, n);
      return answerJson({ events: events.map(eventTold), ...next }, headers);
    },
  );
}

export function atWork(): never {
  throw new ApiProblem("sweep-running", "a sweep is running; retry when it has ended");
}

/** With times as people and programs read them. */
function runTold({ now, startedAt, endedAt, ...report }: RunReport): RunAnswer {
  const times = { now: timeOf(now), startedAt: timeOf(startedAt) };
  return { ...report, ...times, ...(endedAt !== undefined && { endedAt: timeOf(endedAt) }) };
}

function eventTold({ at, ...told }: LifecycleEvent): LifecycleEventAnswer {
  return { ...told, at: timeOf(at) };
}
