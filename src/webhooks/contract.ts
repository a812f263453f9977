// Webhook contract: the calls of the Durable Object that each webhook has, which keeps what is to be sent to its receiver. Plain data;
// times are in ms since the epoch.

import type { Woken } from "../catalog/contract.ts";

/** The result of one request to a receiver. */
export interface Attempt {
  at: number;
  /** Status that the receiver answered with; undefined without an answer. */
  status?: number;
  /** Why it counts as failed; undefined if it does not. */
  error?: string;
  /** Time to the answer, in ms. */
  took: number;
}

/** The last attempt at a delivery. */
export interface Delivery extends Attempt {
  /** Name of the event, and what it is about. */
  what: string;
  subject: string;
}

/** Counts since the webhook was created. */
export interface Tally {
  delivered: number;
  /** Attempts that failed. */
  failed: number;
  /** Deliveries that became dead letters, and dead letters that were deleted because there were too many. */
  dead: number;
  lost: number;
}

export interface QueueState extends Tally {
  /** Deliveries that wait, and since when the oldest one does. */
  pending: number;
  oldestAt?: number;
  /** Dead letters that are kept. */
  letters: number;
  /** Failed attempts since the last success. */
  failures: number;
  last?: Delivery;
  succeededAt?: number;
  /** When the receiver answered 410 Gone to this configuration of the webhook: nothing is sent until it changes. */
  goneAt?: number;
}

/** A delivery that was given up. */
export interface DeadLetter {
  /** Number of the delivery, which its redelivery keeps. */
  id: number;
  /** The event's id, as the receiver gets it. */
  event: string;
  what: string;
  subject: string;
  queuedAt: number;
  deadAt: number;
  attempts: number;
  status?: number;
  error: string;
}

/** The object of that name; `hook` is its name, which an object does not know by itself. */
export interface Deliveries extends Woken {
  /** Looks for events whose wake was lost. */
  look(hook: string, now: number): Promise<void>;
  state(hook: string): Promise<QueueState>;
  /** Sends an event that says only that events arrive, at once and once. If it arrives, what waits for its next attempt is sent too. */
  sendTest(hook: string): Promise<Attempt>;
  /** Latest first.
   * @param before id of the last one of the previous page */
  dead(before: number | undefined, limit: number): Promise<DeadLetter[]>;
  /** Sends a dead letter, or all, again. @returns how many there were */
  redeliver(id: number | undefined, now: number): Promise<number>;
  /** Deletes a dead letter, or all. @returns how many there were */
  drop(id: number | undefined): Promise<number>;
}

/** Optional: without the binding nothing is sent. */
export interface WebhookBindings {
  WEBHOOK_QUEUE?: DurableObjectNamespace;
}
