// API routes for webhooks: their state, a test, and dead letters, which can be sent again or deleted.

import { z } from "@hono/zod-openapi";
import {
  changedLetters,
  deadLetterId,
  deadLetters,
  deadLettersQuery,
  type WebhookAnswer,
  webhooks,
  webhookTest,
} from "../../api/webhooks.ts";
import type { Config } from "../../config/read.ts";
import type { Webhook } from "../../config/webhooks.ts";
import { withoutQueries } from "../../text/plain.ts";
import type { Attempt, Deliveries } from "../../webhooks/contract.ts";
import type { Webhooks } from "../../webhooks/open.ts";
import { answerJson, timeOf } from "../shared/answers.ts";
import type { Probes } from "./about.ts";
import { ApiProblem } from "./problem.ts";
import { type Api, add, type Note, nextOf } from "./routes.ts";
import { readState } from "./webhook-states.ts";

const NO_BINDING = "the Durable Object binding WEBHOOK_QUEUE is missing in wrangler.toml";
const NAME = { name: z.string() };
const LETTER = { ...NAME, id: deadLetterId };

export function addWebhooks(api: Api, open: Webhooks, config: () => Config, note: Note): void {
  /** Throws `not-found` (404), and `unavailable` (503) without the binding. */
  const named = (name: string): { hook: Webhook; queue: Deliveries } => {
    const hook = config().webhooks.find((one) => one.name === name);
    if (!hook) throw new ApiProblem("not-found", `there is no webhook ${name}`);
    if (!open) throw new ApiProblem("unavailable", NO_BINDING);
    return { hook, queue: open(name) };
  };

  add(
    api,
    {
      method: "get",
      path: "/webhooks",
      summary: "Lists webhooks: the last delivery of each, what waits, and failures",
      answer: webhooks,
    },
    async () => ({
      webhooks: await Promise.all(config().webhooks.map((hook) => answerOf(hook, open))),
    }),
  );

  add(
    api,
    {
      method: "post",
      path: "/webhooks/{name}/test",
      summary: "Sends a test event at once, and answers with the receiver's status",
      params: NAME,
      answer: webhookTest,
      problems: [404, 503],
    },
    async (_, { req }) => {
      const { hook, queue } = named(req.param("name") as string);
      await note(req.raw, `tested the webhook ${hook.name}`);
      return attemptOf(await queue.sendTest(hook.name));
    },
  );

  add(
    api,
    {
      method: "get",
      path: "/webhooks/{name}/dead",
      summary: "Lists deliveries that were given up, latest first",
      params: NAME,
      query: deadLettersQuery,
      answer: deadLetters,
      problems: [404, 503],
    },
    async ({ n, before }, { req }) => {
      const { hook, queue } = named(req.param("name") as string);
      const letters = await queue.dead(before, n);
      const { next, headers } = nextOf(`/api/webhooks/${hook.name}/dead`, letters, n);
      const listed = letters.map(({ event, what, queuedAt, deadAt, ...rest }) => ({
        ...rest,
        event: what,
        eventId: event,
        queuedAt: timeOf(queuedAt),
        deadAt: timeOf(deadAt),
      }));
      return answerJson({ deadLetters: listed, ...next }, headers);
    },
  );

  add(
    api,
    {
      method: "post",
      path: "/webhooks/{name}/dead/{id}/redeliver",
      summary: "Sends a dead letter, or all, again",
      params: LETTER,
      answer: changedLetters,
      problems: [404, 503],
    },
    async (_, { req }) => {
      const { hook, queue } = named(req.param("name") as string);
      const id = letterIn(req.param("id") as string);
      await note(req.raw, `had ${lettersOf(id, hook)} sent again`);
      return { count: some(await queue.redeliver(id, Date.now()), id) };
    },
  );

  add(
    api,
    {
      method: "delete",
      path: "/webhooks/{name}/dead/{id}",
      summary: "Deletes a dead letter, or all",
      params: LETTER,
      answer: changedLetters,
      problems: [404, 503],
    },
    async (_, { req }) => {
      const { hook, queue } = named(req.param("name") as string);
      const id = letterIn(req.param("id") as string);
      await note(req.raw, `deleted ${lettersOf(id, hook)}`);
      return { count: some(await queue.drop(id), id) };
    },
  );
}

/** The probe of the binding, which is needed only where a webhook is configured. */
export function webhookProbes(open: Webhooks, { webhooks }: Config): Probes {
  const [first] = webhooks;
  if (!first) return {};
  const probe = async () => {
    if (!open) throw new Error(NO_BINDING);
    await open(first.name).state(first.name);
  };
  return { WEBHOOK_QUEUE: probe };
}

/** The number of a dead letter; undefined for all. */
function letterIn(text: string): number | undefined {
  return text === "all" ? undefined : Number(text);
}

function lettersOf(id: number | undefined, { name }: Webhook): string {
  return id === undefined
    ? `all dead letters of the webhook ${name}`
    : `dead letter ${id} of the webhook ${name}`;
}

/** Throws `not-found` (404) where a single one was meant and is not there. */
function some(count: number, id: number | undefined): number {
  if (count > 0 || id === undefined) return count;
  throw new ApiProblem("not-found", "there is no dead letter with this id");
}

async function answerOf(hook: Webhook, open: Webhooks): Promise<WebhookAnswer> {
  const { name, url, events, repositories, problem = open ? undefined : NO_BINDING } = hook;
  const configured = {
    name,
    // A query may be a credential of the receiver's.
    url: withoutQueries(url),
    events,
    ...(repositories && { repositories }),
    ...(problem !== undefined && { problem }),
  };
  const none = { pending: 0, failures: 0, delivered: 0, failed: 0, dead: 0, lost: 0 };
  if (!open) return { ...configured, ...none, deadLetters: 0 };
  const read = await readState(name, open);
  if ("unread" in read) return { ...configured, ...none, deadLetters: 0, unread: read.unread };
  const { letters, last, oldestAt, succeededAt, goneAt, ...counts } = read.state;
  return {
    ...configured,
    ...counts,
    deadLetters: letters,
    ...(oldestAt !== undefined && { oldestAt: timeOf(oldestAt) }),
    ...(succeededAt !== undefined && { succeededAt: timeOf(succeededAt) }),
    ...(goneAt !== undefined && { goneAt: timeOf(goneAt) }),
    ...(last && { last: { ...attemptOf(last), event: last.what, subject: last.subject } }),
  };
}

function attemptOf({ at, took, status, error }: Attempt) {
  return {
    at: timeOf(at),
    took,
    ...(status !== undefined && { status }),
    ...(error !== undefined && { error }),
  };
}
