// Prewarm contract: the operations of its one Durable Object, and jobs with their images. Plain data; times are in ms since the
// epoch.

export type JobState = "running" | "done" | "failed" | "cancelled";
/** "waiting": not begun, or to be retried later. */
export type ItemState = "waiting" | "working" | "done" | "failed" | "cancelled";

export interface NewJob {
  id: string;
  /** Full names, each with a tag or a digest. */
  references: string[];
  /** Repositories whose newest tags are wanted, by full name. */
  newest?: { name: string; tags: string; count: number }[];
  /** Such as `linux/amd64`; or `all`. */
  platforms: string[];
  /** Whether to fetch the images' referrers; undefined as their rule says. */
  referrers?: boolean;
  /** Highest first; ties go to the oldest job. */
  priority: number;
  /** The principal that requested it. */
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
  /** Number of its images per state. */
  counts: Record<ItemState, number>;
  layers: { total: number; done: number };
  bytes: { total: number; done: number };
}

export interface Item {
  /** Number within its job. */
  seq: number;
  reference: string;
  state: ItemState;
  digest?: string;
  layers: { total: number; done: number };
  bytes: { total: number; done: number };
  /** A remark, such as missing platforms. */
  note?: string;
  /** The last error, and when the image is retried, if it is. */
  error?: string;
  nextAt?: number;
}

export interface Prewarm {
  /** Undefined if too many jobs are running. Times are in ms since the epoch. */
  start(job: NewJob, now: number): Promise<Job | undefined>;
  /** Lists the latest jobs first. `before` is the creation time of the previous page's last job. */
  list(before: number | undefined, state: JobState | undefined, limit: number): Promise<Job[]>;
  job(id: string): Promise<Job | undefined>;
  /** Lists a job's images. `after` is the number of the previous page's last image. */
  items(id: string, after: number, limit: number): Promise<Item[]>;
  /** Starts no further images. Running fills continue, since other clients may want them. */
  cancel(id: string, now: number): Promise<Job | undefined>;
  /** Checks whether work is due; called when the schedule may have changed. */
  tick(now: number): Promise<void>;
}

export interface PrewarmBindings {
  PREWARM: DurableObjectNamespace;
}
