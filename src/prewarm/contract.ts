// The contract of prewarming: what its one Durable Object can be asked, and jobs and their images as it answers with them. Plain data;
// times are in ms since the epoch.

export type JobState = "running" | "done" | "failed" | "cancelled";
/** waiting: to be begun, or to be tried again later. */
export type ItemState = "waiting" | "working" | "done" | "failed" | "cancelled";

export interface NewJob {
  id: string;
  /** Whole names with a tag or a digest. */
  references: string[];
  /** Repositories of which the newest tags are wanted, by whole names. */
  newest?: { name: string; tags: string; count: number }[];
  /** `linux/amd64`, …; or `all`. */
  platforms: string[];
  /** The highest goes first; then the oldest. */
  priority: number;
  /** Who asked for it. */
  who: string;
}

export interface Job {
  id: string;
  createdAt: number;
  createdBy: string;
  priority: number;
  platforms: string[];
  state: JobState;
  endedAt?: number;
  /** Of its images. */
  counts: Record<ItemState, number>;
  layers: { total: number; done: number };
  bytes: { total: number; done: number };
}

export interface Item {
  /** Within its job. */
  seq: number;
  reference: string;
  state: ItemState;
  digest?: string;
  layers: { total: number; done: number };
  bytes: { total: number; done: number };
  /** What is worth saying of it. */
  note?: string;
  /** What failed last, and when it is tried again, where it is. */
  error?: string;
  nextAt?: number;
}

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

export interface PrewarmBindings {
  PREWARM: DurableObjectNamespace;
}
