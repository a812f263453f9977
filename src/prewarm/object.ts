// PrewarmObject: the one Durable Object that fetches images ahead of demand. Its alarm works in stretches and sets the next alarm
// first, so a reset costs at most one stretch; what the fills have stored remains.

import { DurableObject } from "cloudflare:workers";
import { type AccessBindings, readPage } from "../access/contract.ts";
import { openAccess } from "../access/open.ts";
import { readConfig } from "../config/read.ts";
import type { FillBindings } from "../fill/contract.ts";
import { openFills } from "../fill/open.ts";
import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "../oci/error.ts";
import { type Calls, settle } from "../platform/rpc.ts";
import { Sqlite } from "../platform/sqlite.ts";
import { withAdded } from "../policy/added.ts";
import type { Source } from "../policy/source.ts";
import type { Prewarm } from "./contract.ts";
import * as jobs from "./jobs.ts";
import { keyOf, type NextItem, nextItem } from "./next-item.ts";
import { beginScheduled } from "./scheduled.ts";
import { STEPS } from "./schema.ts";
import { blobOf, contentsOf, newestTags, targetOf, type WarmingContext } from "./warming.ts";

/** Length of a stretch in ms, and the time in ms after which an interrupted one is resumed. */
const STRETCH_DURATION = 30_000;
const RESUME_AFTER = 90_000;
/** Number of images, and of blobs per image, fetched concurrently; low, to leave room for clients' pulls. */
const CONCURRENT_IMAGES = 2;
const CONCURRENT_BLOBS = 3;
/** Initial retry delay of a failed image, doubled each time; maximum delay; and time after which it is given up. In ms. */
const RETRY_DELAY = 15_000;
const MAX_RETRY_DELAY = 30 * 60_000;
const ITEM_TIMEOUT = 24 * 60 * 60_000;
/** Statuses that a retry does not change. */
const FINAL_STATUSES = [400, 401, 403, 404, 405, 413];
const MAX_RUNNING_JOBS = 50;

type Bindings = FillBindings & AccessBindings;

export class PrewarmObject extends DurableObject<Bindings> implements Calls<Prewarm> {
  readonly #database = new Sqlite(this.ctx.storage.sql);
  readonly #fills = openFills(this.env);
  readonly #inProgress = new Set<string>();

  constructor(context: DurableObjectState, env: Bindings) {
    super(context, env);
    context.storage.transactionSync(() => this.#database.migrate(STEPS));
  }

  start(...[job, now]: Parameters<Prewarm["start"]>) {
    return settle(async () => {
      const isKnown = jobs.isKnown(this.#database, job.id);
      if (!isKnown && jobs.countRunning(this.#database) >= MAX_RUNNING_JOBS) return undefined;
      this.ctx.storage.transactionSync(() => jobs.insert(this.#database, job, now));
      await this.#wake(now);
      return jobs.jobOf(this.#database, job.id);
    });
  }

  list(...args: Parameters<Prewarm["list"]>) {
    return settle(async () => jobs.jobs(this.#database, ...args));
  }

  job(...[id]: Parameters<Prewarm["job"]>) {
    return settle(async () => jobs.jobOf(this.#database, id));
  }

  items(...args: Parameters<Prewarm["items"]>) {
    return settle(async () => jobs.items(this.#database, ...args));
  }

  cancel(...[id, now]: Parameters<Prewarm["cancel"]>) {
    return settle(async () => {
      this.ctx.storage.transactionSync(() => jobs.cancel(this.#database, id, now));
      return jobs.jobOf(this.#database, id);
    });
  }

  tick(...[now]: Parameters<Prewarm["tick"]>) {
    return settle(() => this.#wake(now));
  }

  /** Sets the alarm to now, unless an earlier one is set. */
  async #wake(now: number): Promise<void> {
    const at = await this.ctx.storage.getAlarm();
    if (at === null || at > now) await this.ctx.storage.setAlarm(now);
  }

  override async alarm(): Promise<void> {
    // Set first, so that the object wakes again if it dies during the stretch.
    await this.ctx.storage.setAlarm(Date.now() + RESUME_AFTER);
    const next = await this.#stretch(Date.now() + STRETCH_DURATION);
    const now = Date.now();
    const due = jobs.nextAt(this.#database);
    const times = [next, due].filter((time) => time !== undefined);
    if (times.length === 0) await this.ctx.storage.deleteAlarm();
    else await this.ctx.storage.setAlarm(Math.max(now, Math.min(...times)));
  }

  /** @returns when the next scheduled job is due; undefined if none is scheduled */
  async #stretch(until: number): Promise<number | undefined> {
    let context: WarmingContext;
    let scheduledAt: number | undefined;
    try {
      const { rules, quarantined, allowed } = readPage(await openAccess(this.env).page());
      const variables = { ...this.env };
      const config = withAdded(readConfig(variables), rules.rules, variables);
      context = { config, fills: this.#fills, quarantined, allowances: allowed };
      scheduledAt = beginScheduled(this.#database, config, Date.now());
    } catch (error) {
      console.error(`entrepot: prewarming could not start: ${(error as Error).message}`);
      return Date.now() + RESUME_AFTER;
    }
    await Promise.all(Array.from({ length: CONCURRENT_IMAGES }, () => this.#lane(context, until)));
    jobs.endJobs(this.#database, Date.now());
    return scheduledAt;
  }

  /** Works on one image after another while time is left. */
  async #lane(context: WarmingContext, until: number): Promise<void> {
    while (Date.now() < until) {
      const item = nextItem(this.#database, this.#inProgress, Date.now());
      if (!item) return;
      const key = keyOf(item);
      this.#inProgress.add(key);
      try {
        await this.#work(context, item, until);
      } catch (error) {
        this.#failed(item, error);
      } finally {
        this.#inProgress.delete(key);
      }
    }
  }

  async #work(context: WarmingContext, item: NextItem, until: number): Promise<void> {
    const now = Date.now();
    if (item.newest !== null) {
      const references = await newestTags(context, item.reference, item.newest);
      this.ctx.storage.transactionSync(() => {
        for (const reference of references)
          jobs.addItem(this.#database, item.job, { reference }, now);
        const note = references.length === 0 ? "no tag matches" : `${references.length} tags`;
        jobs.setItem(this.#database, item, { state: "done", note, error: null });
      });
      return;
    }
    const wanted = targetOf(context, item.reference);
    if (item.digest === null) {
      const { digest, blobs, note } = await contentsOf(context, wanted, item);
      this.ctx.storage.transactionSync(() => {
        for (const blob of blobs)
          this.#database.run(
            "INSERT OR IGNORE INTO parts (job, seq, digest, size) VALUES (?, ?, ?, ?)",
            item.job,
            item.seq,
            blob.digest,
            blob.size,
          );
        const fields = { digest, note: note ?? null, error: null };
        jobs.setItem(this.#database, item, { state: "working", ...fields });
      });
    }
    if (!(await this.#blobs(context, wanted.source, item, until))) return;
    jobs.setItem(this.#database, item, { state: "done", error: null });
  }

  /** @returns whether all blobs are stored */
  async #blobs(
    context: WarmingContext,
    source: Source,
    item: NextItem,
    until: number,
  ): Promise<boolean> {
    const { job, seq } = item;
    const left = this.#database.all<{ digest: Digest }>(
      "SELECT digest FROM parts WHERE job = ? AND seq = ? AND NOT done ORDER BY size",
      job,
      seq,
    );
    const set = (digest: Digest, column: "had" | "done", value: number) =>
      this.#database.run(
        `UPDATE parts SET ${column} = ? WHERE job = ? AND seq = ? AND digest = ?`,
        value,
        job,
        seq,
        digest,
      );
    let isWhole = true;
    const lane = async () => {
      for (let one = left.shift(); one; one = left.shift()) {
        const { digest } = one;
        if (Date.now() >= until || this.#isOver(job)) {
          isWhole = false;
          return;
        }
        const had = (bytes: number) => set(digest, "had", bytes);
        const isHere = await blobOf(context, { source, digest }, until, had);
        if (isHere) set(digest, "done", 1);
        else isWhole = false;
      }
    };
    // Wait for all lanes before throwing, so that none runs beside the retry.
    const ended = await Promise.allSettled(Array.from({ length: CONCURRENT_BLOBS }, lane));
    for (const one of ended) if (one.status === "rejected") throw one.reason;
    return isWhole;
  }

  #isOver(job: string): boolean {
    return !jobs.goesOn(this.#database, job);
  }

  #failed(item: NextItem, error: unknown): void {
    const now = Date.now();
    const isKnown = error instanceof RegistryError;
    if (!isKnown)
      console.error(`entrepot: prewarming ${item.reference} failed: ${(error as Error).message}`);
    const attempts = item.attempts + 1;
    const fields = { error: isKnown ? error.message : "internal error", attempts };
    const isFinal = isKnown && (FINAL_STATUSES.includes(error.status) || error.code === "UNKNOWN");
    const retryAfter = isKnown ? Number(error.headers["Retry-After"] ?? 0) * 1000 : 0;
    const pause = Math.max(
      retryAfter,
      Math.min(MAX_RETRY_DELAY, RETRY_DELAY * 2 ** Math.min(attempts - 1, 10)),
    );
    const isOver = isFinal || now + pause - item.created_at > ITEM_TIMEOUT;
    const state = isOver ? "failed" : "waiting";
    jobs.setItem(this.#database, item, { ...fields, state, next_at: now + pause });
  }
}
