// Reports: tells the catalog what this isolate served, in the background. A pulled image is reported at once, at most once an
// hour per repository; blobs, checked images and counters within ten seconds. No response waits for a report or fails with it.

import type { Catalog } from "../catalog/contract.ts";
import type { CheckedImage, Counts, ImagePulls, PulledImage } from "../catalog/record/contract.ts";
import { Counting, PullCounting } from "../catalog/record/counts.ts";
import { meter } from "../meter/meter.ts";
import type { Digest } from "../oci/digest.ts";
import type { TagMapping } from "../policy/fresh.ts";
import { type Source, sourceKey } from "../policy/source.ts";
import type { ReadVisit } from "../store/visit.ts";
import { dayOf } from "../text/times.ts";
import { type CacheStatus, type Outcome, outcomeOf } from "./cache-status.ts";
import { type ReportBatch, ReportThrottle } from "./report-throttle.ts";

/** A pulled image, with what is needed to fetch it again. */
export interface PulledFrom {
  pulled: PulledImage;
  source: Source;
  /** Mapping of the tag it was pulled by. */
  mapping?: TagMapping;
}

/** A pulled blob. */
export interface BlobFrom {
  digest: Digest;
  source: Source;
  /** In ms since the epoch. */
  at: number;
}

/** Restores content that was served but is unknown to the catalog. Returns whether it was restored. */
export interface Healing {
  image(lost: PulledFrom, now: number): Promise<boolean>;
  blob(lost: BlobFrom, now: number): Promise<boolean>;
}

/** How long a report may take before another request takes over, in ms: a cancelled request cannot give its batch back. */
const REPORT_SLACK = 5_000;
/** Minimum interval between warnings about an unreachable catalog, in ms. */
const WARNING_INTERVAL = 60_000;

/** Number of retries of a failed report behind the same response, one reporting interval apart. */
const RETRIES = 2;

/** What one report takes along. */
interface Batch {
  images: ReportBatch<PulledFrom>;
  blobs: ReportBatch<BlobFrom>;
  checked: ReportBatch<CheckedImage>;
  counts: Counts[];
  pulls: ImagePulls[];
  metered: ReturnType<typeof meter.take>;
}

export class Reports {
  readonly #catalog: Pick<Catalog, "report">;
  readonly #healing: Healing;
  readonly #every: number;
  readonly #counting = new Counting();
  readonly #pulls = new PullCounting();
  readonly #images = new ReportThrottle<PulledFrom>();
  readonly #blobs = new ReportThrottle<BlobFrom>();
  readonly #checked = new ReportThrottle<CheckedImage>();
  #marks: number | undefined;
  /** Times until which a report is in progress, and until which one is scheduled, in ms since the epoch. */
  #reportingUntil = 0;
  #scheduledUntil = 0;
  #warnedAt = 0;

  /** @param every maximum interval between reports while there is something to report, in ms */
  constructor(catalog: Pick<Catalog, "report">, every: number, healing: Healing) {
    this.#catalog = catalog;
    this.#every = every;
    this.#healing = healing;
  }

  /** Records a manifest pull. `named` is the tag it was pulled by, with its mapping. */
  image(
    source: Source,
    digest: Digest,
    named: { tag: string; mapping: TagMapping } | undefined,
    visit: ReadVisit,
  ): void {
    const place = sourceKey(source);
    const { tag, mapping } = named ?? {};
    const pulled = { place, digest, ...(tag !== undefined && { tag }), at: visit.now };
    const isNew = this.#images.add(
      nameOf(pulled),
      { pulled, source, ...(mapping && { mapping }) },
      visit.now,
    );
    this.#schedule(visit, isNew);
  }

  /** Records a manifest requested by HEAD or answered with 304. Reported within ten seconds, at most once an hour per repository. */
  checked(source: Source, digest: Digest, visit: ReadVisit): void {
    const checked = { place: sourceKey(source), digest, at: visit.now };
    this.#checked.add(nameOf(checked), checked, visit.now);
    this.#schedule(visit, false);
  }

  /** Counts one pull of an image. `tag` is the tag it was pulled by, or "" for a pull by digest. */
  counted(source: Source, digest: Digest, tag: string, visit: ReadVisit): void {
    const day = dayOf(visit.now);
    this.#pulls.add({ day, place: sourceKey(source), digest, tag, pulls: 1 });
    this.#schedule(visit, false);
  }

  blob(source: Source, digest: Digest, visit: ReadVisit): void {
    this.#blobs.add(digest, { digest, source, at: visit.now }, visit.now);
    this.#schedule(visit, false);
  }

  answered(source: Source, status: CacheStatus, isPull: boolean, visit: ReadVisit): void {
    const amounts = { [countOf(status)]: 1, ...(isPull && { pulls: 1 }) };
    this.#counting.add(source.rule.name, sourceKey(source), visit.now, amounts);
    this.#schedule(visit, false);
  }

  /** Counts a request that failed because of the upstream, this service or a limit. */
  failed(source: Source, visit: ReadVisit): void {
    this.#counting.add(source.rule.name, sourceKey(source), visit.now, { errors: 1 });
    this.#schedule(visit, false);
  }

  /** Schedules a report because the meter has counted something. */
  noted(visit: ReadVisit): void {
    this.#schedule(visit, false);
  }

  /** Counts bytes sent to a client. */
  sent(source: Source, bytes: number, visit: ReadVisit): void {
    meter.count("entrepot_served_bytes", { rule: source.rule.name }, bytes);
    this.#counting.add(source.rule.name, sourceKey(source), Date.now(), { bytesServed: bytes });
    this.#schedule(visit, false);
  }

  /** Schedules a report behind this request: at once, or after the interval unless another request has scheduled one. */
  #schedule(visit: ReadVisit, atOnce: boolean): void {
    const now = Date.now();
    if (atOnce && now >= this.#reportingUntil) visit.later(this.#report());
    if (now < this.#scheduledUntil) return;
    this.#scheduledUntil = now + this.#every + REPORT_SLACK;
    visit.later(this.#reportIn(this.#every));
  }

  async #reportIn(time: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, time));
    this.#scheduledUntil = 0;
    if (Date.now() >= this.#reportingUntil) await this.#report();
  }

  /** Reports until nothing is left, including what arrives meanwhile. */
  async #report(): Promise<void> {
    let failures = 0;
    for (let batch = this.#take(); batch; batch = this.#take()) {
      this.#reportingUntil = Date.now() + REPORT_SLACK;
      try {
        await this.#send(batch);
      } catch (error) {
        this.#putBack(batch, error as Error);
        failures += 1;
        if (failures > RETRIES) return;
        await new Promise((resolve) => setTimeout(resolve, this.#every));
      } finally {
        this.#reportingUntil = 0;
      }
    }
  }

  async #send(batch: Batch): Promise<void> {
    const { images, blobs, checked, counts, pulls, metered } = batch;
    const { marks, lost, lostBlobs } = await this.#catalog.report({
      images: [...images.entries.values()].map(({ pulled }) => pulled),
      blobs: [...blobs.entries.values()].map(({ digest, at }) => ({ digest, at })),
      checked: [...checked.entries.values()],
      counts,
      pulls,
      ...metered,
    });
    const isMarked = marks !== (this.#marks ?? marks);
    for (const part of [images, blobs, checked]) {
      // Something was marked for deletion since: it may be content that was pulled but kept back as reported within the hour.
      if (isMarked) part.queueRepeats(Date.now());
      else part.dropRepeats();
    }
    this.#marks = marks;
    for (const image of lost) {
      const key = nameOf(image);
      const one = images.entries.get(key);
      if (one && (await this.#healing.image(one, Date.now()))) this.#images.again(key, one);
    }
    for (const digest of lostBlobs) {
      const one = blobs.entries.get(digest);
      if (one) await this.#healing.blob(one, Date.now());
    }
  }

  #take(): Batch | undefined {
    const throttles = [this.#images, this.#blobs, this.#checked];
    const counts = this.#counting.take();
    const pulls = this.#pulls.take();
    const hasCounts = counts.length + pulls.length > 0 || meter.hasNews;
    if (!hasCounts && throttles.every(({ isEmpty }) => isEmpty)) return undefined;
    const now = Date.now();
    return {
      images: this.#images.take(now),
      blobs: this.#blobs.take(now),
      checked: this.#checked.take(now),
      counts,
      pulls,
      metered: meter.take(),
    };
  }

  #putBack({ images, blobs, checked, counts, pulls, metered }: Batch, error: Error): void {
    meter.putBack(metered);
    for (const part of [images, blobs, checked]) part.putBack();
    this.#pulls.putBack(pulls);
    this.#counting.putBack(counts);
    if (Date.now() - this.#warnedAt < WARNING_INTERVAL) return;
    this.#warnedAt = Date.now();
    console.warn(`entrepot: reporting pulls to the catalog failed: ${error.message}`);
  }
}

/** The throttle's key for an image. */
export function nameOf({ place, digest, tag }: PulledImage): string {
  return `${place} ${digest} ${tag ?? ""}`;
}

const COUNTS = { hit: "hits", miss: "misses", collapsed: "collapsed", stale: "stale" } as const;

function countOf(status: CacheStatus): (typeof COUNTS)[Outcome] {
  return COUNTS[outcomeOf(status)];
}
