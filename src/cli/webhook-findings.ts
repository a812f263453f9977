// Findings of `doctor` about webhooks: receivers that fail, and dead letters.

import type { AboutAnswer } from "../api/about.ts";
import type { WebhookAnswer, WebhooksAnswer } from "../api/webhooks.ts";
import type { Api } from "./api.ts";
import { type SIGNS, some } from "./words.ts";

type Finding = [mark: keyof typeof SIGNS, text: string];

/** None where no webhook is configured, or the cache is of a version that knows none. */
export async function webhookFindings(api: Api, { bindings }: AboutAnswer): Promise<Finding[]> {
  if (!bindings.some(({ name }) => name === "WEBHOOK_QUEUE")) return [];
  const { webhooks } = await api.ask<WebhooksAnswer>("GET", "/api/webhooks");
  return webhooks.flatMap(findingsOf);
}

function findingsOf(webhook: WebhookAnswer): Finding[] {
  const { name, deadLetters } = webhook;
  const bad = faultOf(webhook);
  const dead = `the webhook ${name} has ${some(deadLetters, "dead letter")}`;
  return [
    ...(bad === undefined ? [] : [["bad", `the webhook ${name} ${bad}`] as Finding]),
    ...(deadLetters > 0
      ? [["careful", `${dead}: npm run entrepot -- webhooks dead ${name}`] as Finding]
      : []),
    ...(bad === undefined && deadLetters === 0
      ? [["good", `the webhook ${name} delivers`] as Finding]
      : []),
  ];
}

function faultOf({ problem, unread, goneAt, failures, last }: WebhookAnswer): string | undefined {
  if (problem !== undefined) return `sends nothing: ${problem}`;
  if (unread !== undefined) return `is in an unknown state: ${unread}`;
  if (goneAt !== undefined) return "is switched off: its receiver answered 410 Gone";
  return failures > 0 ? `fails: its receiver ${last?.error}` : undefined;
}
