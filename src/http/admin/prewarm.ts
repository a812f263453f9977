// The API's part about prewarming: jobs that have images here before anybody asks.

import { z } from "@hono/zod-openapi";
import { platform } from "../../config/prewarm.ts";
import { RegistryError } from "../../oci/error.ts";
import { parseReference } from "../../oci/reference.ts";
import { type Item, type Job, type Prewarm, USUAL_PLATFORMS } from "../../prewarm/contract.ts";
import { answerJson, timeOf } from "../shared/answers.ts";
import { textOf } from "../shared/body.ts";
import type { Admin } from "./admin.ts";
import { type Api, add, bodyIn, type Note, number, numberIn, time } from "./schemas.ts";

/** Of a request, in bytes. */
const MAX_BODY = 256 * 1024;
const MOST_REFERENCES = 500;

const amount = z.object({ total: z.int(), done: z.int() });
const states = ["running", "done", "failed", "cancelled"] as const;

const job = z
  .object({
    id: z.string(),
    createdAt: time,
    createdBy: z.string(),
    priority: z.int(),
    platforms: z.array(z.string()),
    state: z.enum(states).openapi({ description: "failed: of one of its images at least" }),
    endedAt: time.optional(),
    counts: z.object({
      waiting: z.int(),
      working: z.int(),
      done: z.int(),
      failed: z.int(),
      cancelled: z.int(),
    }),
    layers: amount.openapi({ description: "configs included, of what is known by now" }),
    bytes: amount,
  })
  .openapi("PrewarmJob");
export type JobAnswer = z.infer<typeof job>;

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
    nextAt: time.optional().openapi({ description: "when it is tried again" }),
  })
  .openapi("PrewarmItem");
export type ItemAnswer = z.infer<typeof item>;

const asked = z.strictObject({
  references: z
    .array(z.string(), { error: "must be a list of images" })
    .min(1, "must name an image")
    .max(MOST_REFERENCES, `must hold ${MOST_REFERENCES} images at most`),
  platforms: z
    .array(platform, { error: 'must be a list of platforms, such as ["linux/amd64"], or ["all"]' })
    .min(1, "must name a platform")
    .max(20, "must hold 20 platforms at most")
    .default(USUAL_PLATFORMS),
  priority: z
    .int("must be a whole number")
    .min(-100, "must be -100 at least")
    .max(100, "must be 100 at most")
    .default(0),
});

export function addPrewarm(api: Api, prewarm: Prewarm, admin: Admin, note: Note): void {
  add(
    api,
    {
      method: "post",
      path: "/prewarm",
      summary: "Has images fetched, before anybody asks; the job survives restarts",
      body: asked,
      answer: job,
      status: 202,
      problems: [413, 429],
    },
    async (_, { req }) => {
      const text = await textOf(req.raw, MAX_BODY, "a list of images");
      const given = bodyIn(text, asked, "a job", "references");
      if (given instanceof Response) return given;
      const { host } = new URL(req.url);
      const references = given.references.map((one) => wholeOf(one, host));
      const { platforms, priority } = given;
      const [id, who, now] = [crypto.randomUUID(), admin.who(req.raw), Date.now()];
      await note(req.raw, `had ${references.length} images prewarmed (${id})`);
      const begun = await prewarm.start({ id, references, platforms, priority, who }, now);
      if (begun) return answerJson(jobTold(begun), {}, 202);
      throw new RegistryError("TOOMANYREQUESTS", "too many jobs are at work; wait for their end", {
        headers: { "Retry-After": "60" },
      });
    },
  );

  add(
    api,
    {
      method: "get",
      path: "/prewarm",
      summary: "The jobs, the latest first; those that have ended for 90 days, and 200 of them",
      query: {
        state: z.enum(states, "must be running, done, failed or cancelled").optional(),
        n: number(20, 200),
        before: numberIn(Number.MAX_SAFE_INTEGER).optional().openapi({
          type: "integer",
          minimum: 1,
          description: "the `next` of the page before",
        }),
      },
      answer: z.object({ jobs: z.array(job), next: z.int().optional() }),
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
      query: {
        n: number(500, 1000),
        after: numberIn(Number.MAX_SAFE_INTEGER, 0).optional().openapi({
          type: "integer",
          minimum: 0,
          description: "the `next` of the page before",
        }),
      },
      answer: job.extend({ items: z.array(item), next: z.int().optional() }),
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
  const message = "there is no job of this id";
  throw new RegistryError("UNSUPPORTED", message, { status: 404 });
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
