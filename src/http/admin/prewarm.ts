// The API's part about prewarming: jobs that have images here before anybody asks.

import { z } from "@hono/zod-openapi";
import { itemsQuery, job, jobs, jobsQuery, jobWithItems, newJob } from "../../api/prewarm.ts";
import { parseReference } from "../../oci/reference.ts";
import type { Item, Job, Prewarm } from "../../prewarm/contract.ts";
import { answerJson, timeOf } from "../shared/answers.ts";
import { textOf } from "../shared/body.ts";
import type { Admin } from "./admin.ts";
import { ApiProblem } from "./problem.ts";
import { type Api, add, bodyIn, type Note } from "./routes.ts";

/** Of a request, in bytes. */
const MAX_BODY = 256 * 1024;

export function addPrewarm(api: Api, prewarm: Prewarm, admin: Admin, note: Note): void {
  add(
    api,
    {
      method: "post",
      path: "/prewarm",
      summary: "Has images fetched, before anybody asks; the job survives restarts",
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
      const { platforms, priority } = given;
      const [id, who, now] = [crypto.randomUUID(), admin.who(req.raw), Date.now()];
      await note(req.raw, `had ${references.length} images prewarmed (${id})`);
      const begun = await prewarm.start({ id, references, platforms, priority, who }, now);
      if (begun) return answerJson(jobTold(begun), {}, 202);
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
      summary: "The jobs, the latest first; those that have ended for 90 days, and 200 of them",
      query: jobsQuery,
      answer: jobs,
    },
    async ({ state, n, before }) => {
      const listed = await prewarm.list(before, state, n);
      const last = listed.length === n ? listed.at(-1)?.createdAt : undefined;
      return { jobs: listed.map(jobTold), ...(last !== undefined && { next: last }) };
    },
  );

  add(
    api,
    {
      method: "get",
      path: "/prewarm/{id}",
      summary: "One job, and how far each of its images is",
      params: { id: z.string() },
      query: itemsQuery,
      answer: jobWithItems,
      problems: [404],
    },
    async ({ n, after = 0 }, { req }) => {
      const id = req.param("id") as string;
      const known = (await prewarm.job(id)) ?? nothing();
      const items = await prewarm.items(id, after, n);
      const last = items.length === n ? items.at(-1)?.seq : undefined;
      const next = last === undefined ? {} : { next: last };
      return { ...jobTold(known), items: items.map(itemTold), ...next };
    },
  );

  add(
    api,
    {
      method: "delete",
      path: "/prewarm/{id}",
      summary: "Cancels a job: what is under way ends, and nothing more is begun",
      params: { id: z.string() },
      answer: job,
      problems: [404],
    },
    async (_, { req }) => {
      const id = req.param("id") as string;
      if (!(await prewarm.job(id))) nothing();
      await note(req.raw, `cancelled the prewarming ${id}`);
      return jobTold((await prewarm.cancel(id, Date.now())) ?? nothing());
    },
  );
}

/** With its tag. Throws NAME_INVALID (400). */
function wholeOf(text: string, host: string): string {
  const { name, tag, digest } = parseReference(text.trim(), host);
  return digest === undefined ? `${name}:${tag}` : `${name}@${digest}`;
}

function nothing(): never {
  throw new ApiProblem("not-found", "there is no job with this id");
}

function jobTold({ createdAt, endedAt, ...rest }: Job) {
  return {
    ...rest,
    createdAt: timeOf(createdAt),
    ...(endedAt !== undefined && { endedAt: timeOf(endedAt) }),
  };
}

function itemTold({ nextAt, ...rest }: Item) {
  return { ...rest, ...(nextAt !== undefined && { nextAt: timeOf(nextAt) }) };
}
