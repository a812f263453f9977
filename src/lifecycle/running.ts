// Run: the counters, progress and bounds of a sweep in progress. A failed step is logged and does not stop the others.

import {
  countByRule,
  nothingCounted,
  type Progress,
  type RuleCount,
  type RunBegun,
  type RunReport,
} from "../catalog/sweep/contract.ts";
import { counted, type SweepContext } from "./context.ts";

/** Maximum subrequests per invocation (wrangler.toml, `limits`), and maximum duration in ms, within the cron's 15 minutes. */
export interface Bounds {
  subrequests: number;
  time: number;
}

const SWEEP_BOUNDS: Bounds = { subrequests: 80_000, time: 10 * 60_000 };
/** Interval between heartbeats, in ms. */
const HEARTBEAT_INTERVAL = 15_000;

export class Running {
  readonly id: number;
  readonly now: number;
  /** The services, with every call counted. */
  readonly context: SweepContext;
  readonly progress: Progress;
  readonly counts = nothingCounted();
  readonly #bounds: Bounds;
  readonly #begunAt = Date.now();
  #beatAt = Date.now();
  #isOver = false;

  constructor(
    context: SweepContext,
    { id, progress }: RunBegun,
    now: number,
    bounds = SWEEP_BOUNDS,
  ) {
    this.id = id;
    this.now = now;
    this.progress = { ...progress };
    this.#bounds = bounds;
    this.context = counted(context, () => {
      this.counts.subrequests += 1;
    });
  }

  /** Whether time and subrequests are left; checked before each piece of work. */
  async goesOn(): Promise<boolean> {
    const clock = Date.now();
    const { subrequests, time } = this.#bounds;
    if (this.counts.subrequests >= subrequests || clock - this.#begunAt >= time) this.#stop();
    if (!this.#isOver && clock - this.#beatAt >= HEARTBEAT_INTERVAL) {
      this.#beatAt = clock;
      // Another run has taken over because this one was considered dead.
      if (!(await this.context.catalog.beat(this.id, this.counts, this.progress))) this.#stop();
    }
    return this.goesOnAtAll;
  }

  get goesOnAtAll(): boolean {
    return !this.#isOver;
  }

  #stop(): void {
    this.#isOver = true;
    this.counts.unfinished = true;
  }

  /** Runs one part of the sweep; a failure is logged, and the next parts follow. */
  async step(what: string, work: () => Promise<void>): Promise<void> {
    if (this.#isOver) return;
    await this.attempt(what, work);
  }

  async attempt(what: string, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const message = `${what}: ${(error as Error).message}`;
      console.error(`entrepot: sweep failed at ${message}`);
      this.counts.error ??= message;
      this.counts.unfinished = true;
    }
  }

  expired(count: RuleCount): void {
    countByRule(this.counts.expired, count, count.images);
  }

  waits(obstacle: string, images: number): void {
    const { waiting } = this.counts;
    waiting[obstacle] = (waiting[obstacle] ?? 0) + images;
  }

  async end(): Promise<RunReport> {
    const report = await this.context.catalog.end(this.id, this.counts, this.progress);
    console.log(JSON.stringify({ message: "entrepot: swept", ...report }));
    return report;
  }
}
