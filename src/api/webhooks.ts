// Webhooks: receivers of events, what waits for them, and dead letters.

import { z } from "@hono/zod-openapi";
import { number, position, time } from "./fields.ts";

const attempt = {
  at: time,
  took: z.int().openapi({ description: "time to the receiver's answer, in ms" }),
  status: z.int().optional().openapi({ description: "the receiver's; none without an answer" }),
  error: z.string().optional().openapi({ description: "none if it was delivered" }),
};

const webhook = z
  .object({
    name: z.string(),
    url: z.string().openapi({ description: "without its query" }),
    events: z.array(z.string()),
    repositories: z.array(z.string()).optional(),
    problem: z
      .string()
      .optional()
      .openapi({ description: "why nothing is sent, such as a missing secret" }),
    unread: z
      .string()
      .optional()
      .openapi({ description: "why its state cannot be read: all counts are then 0" }),
    goneAt: time.optional().openapi({
      description:
        "when the receiver answered 410 Gone: nothing is sent until the webhook's configuration changes",
    }),
    pending: z.int().openapi({ description: "deliveries that wait" }),
    oldestAt: time.optional().openapi({ description: "since when the oldest of them waits" }),
    failures: z.int().openapi({ description: "failed attempts since the last success" }),
    last: z
      .object({ ...attempt, event: z.string(), subject: z.string() })
      .optional()
      .openapi({ description: "the last attempt" }),
    succeededAt: time.optional(),
    delivered: z.int(),
    failed: z.int().openapi({ description: "attempts that failed" }),
    deadLetters: z.int().openapi({ description: "deliveries that were given up, and are kept" }),
    dead: z.int().openapi({ description: "deliveries that were ever given up" }),
    lost: z.int().openapi({ description: "dead letters deleted because there were too many" }),
  })
  .openapi("Webhook");
export type WebhookAnswer = z.infer<typeof webhook>;

export const webhooks = z.object({ webhooks: z.array(webhook) });
export type WebhooksAnswer = z.infer<typeof webhooks>;

export const webhookTest = z.object(attempt).openapi("WebhookTest");
export type WebhookTestAnswer = z.infer<typeof webhookTest>;

export const deadLettersQuery = {
  n: number(100, 1000),
  before: position("the id of the last entry of the previous page", 1),
};

const deadLetter = z
  .object({
    id: z.int(),
    event: z.string(),
    eventId: z.string().openapi({ description: "its id, as the receiver gets it" }),
    subject: z.string(),
    queuedAt: time,
    deadAt: time,
    attempts: z.int(),
    status: z.int().optional().openapi({ description: "of the last attempt" }),
    error: z.string(),
  })
  .openapi("DeadLetter");

export const deadLetters = z.object({
  deadLetters: z.array(deadLetter),
  next: z.string().optional().openapi({ description: "path of the next page" }),
});
export type DeadLettersAnswer = z.infer<typeof deadLetters>;

/** Number of a dead letter, or all of them. */
export const deadLetterId = z
  .string()
  .regex(/^(all|[1-9]\d{0,15})$/, "must be the id of a dead letter, or all")
  .openapi({ description: "id of a dead letter, or all" });

export const changedLetters = z.object({
  count: z.int().openapi({ description: "how many dead letters there were" }),
});
export type ChangedLettersAnswer = z.infer<typeof changedLetters>;
