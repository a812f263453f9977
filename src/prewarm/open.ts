// Prewarming as the rest of the house sees it: calls to its one Durable Object, repeated where that was reset.

import type { Env } from "../env.ts";
import { call } from "../oci/error.ts";
import type { Item, Job, JobState, NewJob } from "./records.ts";

export interface Prewarm {
  /** Undefined where too many are at work. Times are in ms since the epoch. */
  start(job: NewJob, now: number): Promise<Job | undefined>;
  /** The latest first. @param before when the last one of the page before was created */
  list(before: number | undefined, state: JobState | undefined, limit: number): Promise<Job[]>;
  job(id: string): Promise<Job | undefined>;
  /** @param after the number of the last one of the page before */
  items(id: string, after: number, limit: number): Promise<Item[]>;
  /** What is under way goes on, for whoever asks for it next; nothing more is begun. */
  cancel(id: string, now: number): Promise<Job | undefined>;
  /** Looks whether something is to be done: what is scheduled may have been changed. */
  tick(now: number): Promise<void>;
}

export function openPrewarm({ PREWARM }: Pick<Env, "PREWARM">): Prewarm {
  const prewarm = () => PREWARM.get(PREWARM.idFromName("prewarm"));
  return {
    start: (job, now) => call(() => prewarm().start(job, now)),
    list: (...args) => call(() => prewarm().list(...args)),
    job: (id) => call(() => prewarm().job(id)),
    items: (...args) => call(() => prewarm().items(...args)),
    cancel: (id, now) => call(() => prewarm().cancel(id, now)),
    tick: (now) => call(() => prewarm().tick(now)),
  };
}
