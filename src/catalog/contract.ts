// The contract of the catalog: what its one Durable Object can be told and asked.

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
  HeldImage,
  ManifestFact,
  Operations,
  Report,
  Reported,
  TagFact,
  Totals,
  UpstreamHour,
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

/** All calls may be repeated: telling a thing twice is telling it once, but for counters. */
export interface Catalog {
  /** @returns blobs and children of it that are being deleted at this moment: whoever stores the manifest waits for the end of that
   * first, so that what he finds missing then is fetched again */
  tellManifest(fact: ManifestFact): Promise<{ going: Digest[] }>;
  tellBlob(fact: BlobFact): Promise<void>;
  /** Platforms as configs say them, "" where one names none. */
  learnPlatforms(known: readonly { digest: Digest; platform: string }[]): Promise<void>;
  tellTag(fact: TagFact): Promise<void>;
  report(report: Report): Promise<Reported>;
  /** Whether the place holds the digest, or a manifest that leads to it. */
  linked(place: string, digest: Digest): Promise<boolean>;
  /** The tags and images of the place that lead to the digest, or are it. */
  leading(place: string, digest: Digest): Promise<Leading>;
  /** The one place whose images led to a blob when it came; undefined where there is none, or there are several. */
  deliveredTo(digest: Digest): Promise<string | undefined>;
  /** Undefined where the place does not hold it. */
  image(place: string, digest: Digest): Promise<HeldImage | undefined>;

  /** Undefined while another run is at work (it has shown itself within the last minutes of the real clock).
   * @param now that the run goes by */
  begin(trigger: RunReport["trigger"], now: number): Promise<RunBegun | undefined>;
  /** Shows that the run is at work, and keeps what it has counted and how far it is. False where another has taken over. */
  beat(id: number, counts: RunCounts, progress: Progress): Promise<boolean>;
  end(id: number, counts: RunCounts, progress: Progress): Promise<RunReport>;

  /** Places that hold images, in their order, behind `after`. */
  places(after: string, limit: number): Promise<string[]>;
  /** Images of a place that a policy may expire: with tags, or that no index or subject of the place leads to.
   * @param parts whether what they consist of is told too
   * @param after the digest of the last one of the page before */
  images(place: string, parts: boolean, after: string, limit: number): Promise<CatalogImage[]>;
  /** Marks what a policy expires of a place, and takes back all other marks there. Nothing visible changes by it. */
  mark(place: string, expired: Expired[], now: number, run: number): Promise<Marked>;
  /** Bytes in R2 that come free when these images have gone, with what goes with them: shared contents once, and only where nothing
   * else refers to them. */
  freed(images: Due[]): Promise<number>;

  /** Images that were marked at or before `before`, in the order of place and digest, behind `after`. */
  due(before: number, after: Due | undefined, limit: number): Promise<Due[]>;
  /** Takes those that are still marked since then out of their places, with their children and referrers there that have no other
   * holder: their tags are doomed, and their contents unreferenced since they were marked. */
  take(images: Due[], before: number, now: number, run: number): Promise<void>;
  doomed(limit: number): Promise<Doomed[]>;
  /** The tag is deleted, or means something else by now, which its object tells.
   * @returns whether it is wanted: it was pulled while it was deleted, and is to be restored */
  tagGone(tag: Doomed, deleted: boolean, now: number, run: number): Promise<boolean>;
  /** Dates what is not referred to any more and has no date yet. */
  dateOrphans(now: number): Promise<void>;
  /** Contents that nothing refers to since `before` or longer; of manifests, those alone that no stored manifest leads to. What an
   * earlier run has condemned and not told the end of is among them. */
  condemn(kind: ContentKind, before: number, limit: number): Promise<Condemned[]>;
  removed(removals: Removal[], now: number, run: number): Promise<void>;
  leftovers(before: number, limit: number): Promise<Leftover[]>;
  /** @param bytes that were deleted; undefined where the attempt is somebody's after all */
  leftoverGone(left: Leftover, bytes: number | undefined, now: number, run: number): Promise<void>;

  /** @param page of digests @returns those that the catalog does not know */
  seeManifests(page: Page<Digest>): Promise<{ unknown: Digest[]; forgotten: number }>;
  seeTags(page: TagPage): Promise<{ adopted: number; forgotten: number }>;
  seeBlobs(page: BlobPage): Promise<{ adopted: number; forgotten: number }>;
  /** Forgets all that is known of contents, so that a pass over R2 learns it anew; runs, events and counters stay. */
  reset(): Promise<void>;

  /** Deletes events, runs and counters that are older than 90 days. */
  trim(now: number): Promise<void>;
  runs(limit: number): Promise<RunReport[]>;
  /** The latest first. @param before the id of the last one of the page before */
  events(before: number | undefined, limit: number): Promise<LifecycleEvent[]>;
  summary(): Promise<CatalogSummary>;
  /** @param from the first day, as in `Counts` */
  counts(from: string): Promise<Counts[]>;
  /** Undefined where too many would have to be summed up. */
  listed(wanted: ImageQuery): Promise<ListedImage[] | undefined>;
  /** Undefined where the place does not hold it. */
  record(place: string, digest: Digest): Promise<ImageRecord | undefined>;
  /** What is here of some digests, and how many manifests lead to each. */
  known(digests: Digest[]): Promise<KnownContent[]>;
  /** @param force also what is pinned @returns undefined where it is not here */
  remove(
    place: string,
    reference: { tag: string } | { digest: Digest },
    who: string,
    force: boolean,
    now: number,
  ): Promise<Removing | undefined>;
  /** @param reference a tag or a digest @returns false where there are too many */
  pin(place: string, reference: string, who: string, now: number): Promise<boolean>;
  /** @returns whether there was one */
  unpin(place: string, reference: string): Promise<boolean>;
  pins(place: string): Promise<Pin[]>;
  /** @param from and `to`: days, both of them included */
  totals(from: string, to: string, by: By, limit: number): Promise<Totals[]>;
  /** @param from the first hour, as in `CountedHour`; of the last eight days */
  countedHours(from: string): Promise<CountedHour[]>;
  /** What isolates' meters counted in all, and how many fills are at work. */
  numbers(now: number): Promise<{ samples: Sample[]; fills: number }>;
  /** @param month such as `2026-11` */
  operations(month: string): Promise<Operations>;
  /** @param from the first hour, as in `UpstreamHour` */
  hours(from: string): Promise<UpstreamHour[]>;
  /** What happened, in its order. @param after the id of the last one that is known; undefined for the last ones */
  happened(after: number | undefined, limit: number): Promise<Happened[]>;
}

export interface CatalogBindings {
  CATALOG: DurableObjectNamespace;
}
