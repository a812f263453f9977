// Client of the webhooks' Durable Objects, one for each webhook.

import { remote } from "../platform/rpc.ts";
import type { Deliveries, WebhookBindings } from "./contract.ts";

/** By the webhook's name; undefined without the binding. */
export type Webhooks = ((hook: string) => Deliveries) | undefined;

export function openWebhooks({ WEBHOOK_QUEUE: namespace }: WebhookBindings): Webhooks {
  return namespace && ((hook) => remote<Deliveries>(namespace, hook));
}
