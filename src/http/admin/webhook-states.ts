// State of a webhook, read from its Durable Object: one that fails hides none of the others.

import { reasonOf } from "../../text/plain.ts";
import type { QueueState } from "../../webhooks/contract.ts";
import type { Webhooks } from "../../webhooks/open.ts";

/** The state, or why it cannot be read. */
export type ReadState = { state: QueueState } | { unread: string };

export async function readState(name: string, open: NonNullable<Webhooks>): Promise<ReadState> {
  try {
    return { state: await open(name).state(name) };
  } catch (error) {
    const unread = `its Durable Object fails: ${reasonOf(error)}`;
    console.error(`entrepot: the state of the webhook ${name} cannot be read: ${unread}`);
    return { unread };
  }
}
