// Catalog contract: the calls that its one Durable Object takes.

import type { Sample } from "../meter/meter.ts";
import type { Digest } from "../oci/digest.ts";
import type {
  By,
  ImageQuery,
  ImageRecord,
  KnownContent,
  Leading,
  ListedImage,
} from "./query/contract.ts";
import type {
  BlobFact,
  CountedHour,
  Counts,
  Happened,
  HeldBy,
  HeldImage,
  HeldTag,
  HoldFact,
  ListedVerdict,
  ManifestFact,
  Operations,
  Report,
  Reported,
  TagFact,
  TagName,
  Totals,
  UpstreamHour,
  VerdictFact,
  VerdictQuery,
} from "./record/contract.ts";
import type {
  BlobPage,
  CatalogImage,
  CatalogSummary,
  Condemned,
  ContentKind,
  Doomed,
  Due,
  Expired,
  Leftover,
  LifecycleEvent,
  Marked,
  Page,
  Pin,
  Progress,
  Removal,
  Removing,
  RunBegun,
  RunCounts,
  RunReport,
  TagPage,
} from "./sweep/contract.ts";

/** All calls can be repeated safely, except that counters are added again. */
export interface Catalog extends VerdictCatalog {
  /** @returns blobs and children of the manifest that are being deleted now. The caller waits until that is over before
   * it stores the manifest, so that content found missing later is fetched again */
  tellManifest(fact: ManifestFact): Promise<{ going: Digest[] }>;
  tellBlob(fact: BlobFact): Promise<void>;
  /** Platforms read from image configs; "" where the config names none. */
  learnPlatforms(known: readonly { digest: Digest; platform: string }[]): Promise<void>;
  tellTag(fact: TagFact): Promise<void>;
  tellHold(fact: HoldFact): Promise<void>;
  /** Held tags in the order of their names.
   * @param after the last one of the previous page */
  heldTags(
    after: Pick<HeldTag, "place" | "tag" | "rule"> | undefined,
    limit: number,
  ): Promise<HeldTag[]>;
  /** Tags that are held, or were pulled since a day, and were not checked since `before`, those checked longest ago
   * first. They count as checked now.
   * @param wanted `day` such as `2026-11-26`; `places`: beginnings of places */
  tagsToCheck(
    wanted: { day: string; places: string[]; before: number; now: number },
    limit: number,
  ): Promise<TagName[]>;
  report(report: Report): Promise<Reported>;
  /** Whether the place holds the digest, or a manifest that leads to it. */
  linked(place: string, digest: Digest): Promise<boolean>;
  /** Tags and images of the place that are the digest or lead to it. */
  leading(place: string, digest: Digest): Promise<Leading>;
  /** Stored manifests of the place that name the digest, those pulled last first. Objects of earlier versions lack it. */
  parents(place: string, digest: Digest): Promise<Digest[]>;
  /** The one place whose images led to a blob when it was cached; undefined if there is none or more than one. */
  deliveredTo(digest: Digest): Promise<string | undefined>;
  /** Undefined where the place does not hold it. */
  image(place: string, digest: Digest): Promise<HeldImage | undefined>;

  /** Undefined while another run is active: one whose last `beat` is less than 5 minutes old by the real clock.
   * @param now time that the run evaluates policies by */
  begin(trigger: RunReport["trigger"], now: number): Promise<RunBegun | undefined>;
  /** Heartbeat of a run: stores its counts and its progress. False if another run has taken over. */
  beat(id: number, counts: RunCounts, progress: Progress): Promise<boolean>;
  end(id: number, counts: RunCounts, progress: Progress): Promise<RunReport>;

  /** Places that hold images, in alphabetical order, after `after`. */
  places(after: string, limit: number): Promise<string[]>;
  /** Images of a place that a policy may expire: those with tags, and those that no index or subject of the place leads
   * to.
   * @param parts whether to return the contents of each image too
   * @param after digest of the last image of the previous page */
  images(place: string, parts: boolean, after: string, limit: number): Promise<CatalogImage[]>;
  /** Marks the images of a place that a policy expires, and clears all other marks there. Pulls are not affected. */
  mark(place: string, expired: Expired[], now: number, run: number): Promise<Marked>;
  /** Bytes in R2 that deleting these images would free, with what is deleted along with them. Shared content counts
   * once, and only if nothing else refers to it. */
  freed(images: Due[]): Promise<number>;

  /** Images marked at or before `before`, ordered by place and digest, after `after`. */
  due(before: number, after: Due | undefined, limit: number): Promise<Due[]>;
  /** Removes the images still marked since then from their places, with the children and referrers there that nothing
   * else holds: their tags are doomed, and their contents count as unreferenced from the time of the mark. */
  take(images: Due[], before: number, now: number, run: number): Promise<void>;
  doomed(limit: number): Promise<Doomed[]>;
  /** Records that the tag was deleted, or that it points elsewhere by now, as its TagFill reports.
   * @returns whether to restore the tag: it was pulled while it was being deleted */
  tagGone(tag: Doomed, deleted: boolean, now: number, run: number): Promise<boolean>;
  /** Dates contents that nothing refers to and that have no date yet. */
  dateOrphans(now: number): Promise<void>;
  /** Contents that nothing has referred to since `before`; of manifests, only those that no stored manifest leads to.
   * Includes contents that an earlier run condemned without reporting the outcome. */
  condemn(kind: ContentKind, before: number, limit: number): Promise<Condemned[]>;
  removed(removals: Removal[], now: number, run: number): Promise<void>;
  leftovers(before: number, limit: number): Promise<Leftover[]>;
  /** @param bytes deleted; undefined where the attempt turned out to be in use */
  leftoverGone(left: Leftover, bytes: number | undefined, now: number, run: number): Promise<void>;

  /** @param page of digests
   * @returns those that the catalog does not know */
  seeManifests(page: Page<Digest>): Promise<{ unknown: Digest[]; forgotten: number }>;
  seeTags(page: TagPage): Promise<{ adopted: number; forgotten: number }>;
  seeBlobs(page: BlobPage): Promise<{ adopted: number; forgotten: number }>;
  /** Forgets all contents, so that a pass over R2 records them anew; runs, events and counters stay. */
  reset(): Promise<void>;

  /** Deletes events, runs and counters older than 90 days. */
  trim(now: number): Promise<void>;
  runs(limit: number): Promise<RunReport[]>;
  /** Newest first.
   * @param before id of the last event of the previous page */
  events(before: number | undefined, limit: number): Promise<LifecycleEvent[]>;
  summary(): Promise<CatalogSummary>;
  /** @param from first day, as in `Counts` */
  counts(from: string): Promise<Counts[]>;
  /** Undefined where the sort order would need sums over too many images. */
  listed(wanted: ImageQuery): Promise<ListedImage[] | undefined>;
  /** Undefined where the place does not hold it. */
  record(place: string, digest: Digest): Promise<ImageRecord | undefined>;
  /** Whether each digest is cached, and how many manifests lead to it. */
  known(digests: Digest[]): Promise<KnownContent[]>;
  /** @param force deletes pinned images too
   * @returns undefined if the image is not in the place */
  remove(
    place: string,
    reference: { tag: string } | { digest: Digest },
    who: string,
    force: boolean,
    now: number,
  ): Promise<Removing | undefined>;
  /** @param reference tag or digest
   * @returns false if there are too many pins */
  pin(place: string, reference: string, who: string, now: number): Promise<boolean>;
  /** @returns whether the pin existed */
  unpin(place: string, reference: string): Promise<boolean>;
  pins(place: string): Promise<Pin[]>;
  /** @param from first day; `to` is the last day, inclusive */
  totals(from: string, to: string, by: By, limit: number): Promise<Totals[]>;
  /** @param from first hour, as in `CountedHour`; hours are kept for 8 days */
  countedHours(from: string): Promise<CountedHour[]>;
  /** Totals of all isolates' meters, the number of fills that are running, and of tags that are held (absent from a
   * catalog of an earlier version). */
  numbers(now: number): Promise<{ samples: Sample[]; fills: number; held?: number }>;
  /** @param month such as `2026-11` */
  operations(month: string): Promise<Operations>;
  /** @param from first hour, as in `UpstreamHour` */
  hours(from: string): Promise<UpstreamHour[]>;
  /** Happenings, oldest first.
   * @param after id of the last one that the caller knows; undefined for the latest ones */
  happened(after: number | undefined, limit: number): Promise<Happened[]>;
}

/** The object of each webhook (webhooks/contract), which the catalog wakes when something has happened. */
export interface Woken {
  /** @param hook the webhook's name
   * @param before id of the last event before those that it is woken for: a new webhook begins after it */
  wake(hook: string, before: number): Promise<void>;
}

/** Optional: without them no webhook is woken. */
export interface WokenBindings {
  WEBHOOK_QUEUE?: DurableObjectNamespace;
  WEBHOOKS?: unknown;
}

/** Verdicts about vulnerabilities. Objects of earlier versions have none of these calls. */
export interface VerdictCatalog {
  /** Stores the summary of a verdict, and tells of a change as an event.
   * @returns when each id was first found in any image, in ms since the epoch */
  tellVerdict(fact: VerdictFact, now: number): Promise<Record<string, number>>;
  /** Forgets the summary. */
  dropVerdict(digest: Digest, now: number): Promise<void>;
  /** Worst first, then those pulled last. */
  verdicts(wanted: VerdictQuery): Promise<ListedVerdict[]>;
  /** Places that hold the manifest or an index that leads to it. */
  heldBy(digest: Digest): Promise<HeldBy[]>;
}

export interface CatalogBindings {
  CATALOG: DurableObjectNamespace;
}
