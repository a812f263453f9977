// API routes for prewarming: jobs that fetch images in advance.

import { z } from "@hono/zod-openapi";
import { itemsQuery, job, jobs, jobsQuery, jobWithItems, newJob } from "../../api/prewarm.ts";
import { parseReference } from "../../oci/reference.ts";
import type { Item, Job, Prewarm } from "../../prewarm/contract.ts";
import { answerJson, timeOf } from "../shared/answers.ts";
import { textOf } from "../shared/body.ts";
import type { Admin } from "./admin.ts";
import { ApiProblem } from "./problem.ts";
import { type Api, add, bodyIn } from "./routes.ts";

/** Maximum size of a request body, in bytes. */
const MAX_BODY = 256 * 1024;

export function addPrewarm(api: Api, prewarm: Prewarm, admin: Admin): void {
  add(
    api,
    {
      method: "post",
      path: "/prewarm",
      summary: "Starts a job that fetches images in advance; jobs survive restarts",
      body: newJob,
      answer: job,
      status: 202,
      problems: [413, 429],
    },
    async (_, { req }) => {
      const text = await textOf(req.raw, MAX_BODY, "a list of images");
      const given = bodyIn(text, newJob, "a job", "references");
      const { host } = new URL(req.url);
      const references = given.references.map((one) => wholeOf(one, host));
      const { platforms, priority, referrers } = given;
      const [id, who, now] = [crypto.randomUUID(), admin.who(req.raw), Date.now()];
      await admin.note(req.raw, `started prewarming ${references.length} images (${id})`);
      const wanted = { id, references, platforms, priority, who };
      const begun = await prewarm.start(
        { ...wanted, ...(referrers !== undefined && { referrers }) },
        now,
      );
      if (begun) return answerJson(jobAnswer(begun), {}, 202);
      throw new ApiProblem("too-many-requests", "too many jobs are running; wait for one to end", {
        "Retry-After": "60",
      });
    },
  );

  add(
    api,
    {
      method: "get",
      path: "/prewarm",
      summary: "Lists jobs, latest first; at most 200 ended ones are kept, for 90 days",
      query: jobsQuery,
      answer: jobs,
    },
    async ({ state, n, before }) => {
      const listed = await prewarm.list(before, state, n);
      const last = listed.length === n ? listed.at(-1)?.createdAt : undefined;
      return { jobs: listed.map(jobAnswer), ...(last !== undefined && { next: last }) };
    },
  );

  add(
    api,
    {
      method: "get",
      path: "/prewarm/{id}",
      summary: "Returns one job and the progress of each of its images",
      params: { id: z.string() },
      query: itemsQuery,
      answer: jobWithItems,
      problems: [404],
    },
    async ({ n, after = 0 }, { req }) => {
      const id = req.param("id") as string;
      const known = (await prewarm.job(id)) ?? noJob();
      const items = await prewarm.items(id, after, n);
      const last = items.length === n ? items.at(-1)?.seq : undefined;
      const next = last === undefined ? {} : { next: last };
      return { ...jobAnswer(known), items: items.map(itemAnswer), ...next };
    },
  );

  add(
    api,
    {
      method: "delete",
      path: "/prewarm/{id}",
      summary: "Cancels a job: images under way are completed, no others are started",
      params: { id: z.string() },
      answer: job,
      problems: [404],
    },
    async (_, { req }) => {
      const id = req.param("id") as string;
      if (!(await prewarm.job(id))) noJob();
      await admin.note(req.raw, `cancelled the prewarm job ${id}`);
      return jobAnswer((await prewarm.cancel(id, Date.now())) ?? noJob());
    },
  );
}

/** The full reference, with its tag. Throws NAME_INVALID (400). */
function wholeOf(text: string, host: string): string {
  const { name, tag, digest } = parseReference(text.trim(), host);
  return digest === undefined ? `${name}:${tag}` : `${name}@${digest}`;
}

function noJob(): never {
  throw new ApiProblem("not-found", "there is no job with this id");
}

function jobAnswer({ createdAt, endedAt, ...rest }: Job) {
  return {
    ...rest,
    createdAt: timeOf(createdAt),
    ...(endedAt !== undefined && { endedAt: timeOf(endedAt) }),
  };
}

function itemAnswer({ nextAt, ...rest }: Item) {
  return { ...rest, ...(nextAt !== undefined && { nextAt: timeOf(nextAt) }) };
}
