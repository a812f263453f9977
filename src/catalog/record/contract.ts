// Catalog facts and reports: what fills and isolates send to the catalog. Plain data; times are in ms since the epoch.
// A place is an origin and a repository (policy/source), or "" where it is no longer known.

import type { Severity } from "../../config/severity.ts";
import type { Happening, Sample } from "../../meter/meter.ts";
import type { Digest } from "../../oci/digest.ts";
import type { Hold } from "../../policy/age.ts";

/** A manifest that is about to be stored: reported first, so that no sweep takes its blobs for unreferenced. */
export interface ManifestFact {
  digest: Digest;
  place: string;
  mediaType: string;
  /** Size in bytes. */
  size: number;
  artifactType?: string;
  subject?: Digest;
  /** Children that are, or may be, manifests (oci/kind). */
  children: { digest: Digest; platform?: string }[];
  /** Config, layers, and the non-manifest entries of an index. */
  blobs: Digest[];
  /** Blobs that the manifest's author could name without having them (oci/references). */
  foreign?: Digest[];
  cachedAt: number;
  /** When the manifest was found in R2 instead of being fetched. If its image is new to the catalog, its last pull is
   * unknown since then. */
  adoptedAt?: number;
  /** A fill found it in R2 for a place that is pulling it now: its last pull is known. */
  found?: true;
}

/** A published blob. */
export interface BlobFact {
  digest: Digest;
  /** Size in bytes. */
  size: number;
  attempt: string;
  /** Version of its head object in R2 (store/segments). */
  generation: string;
  cachedAt: number;
}

/** The digest a tag points to since `at`; with `gone`, that the upstream no longer has the tag. */
export interface TagFact {
  place: string;
  tag: string;
  digest: Digest;
  at: number;
  gone: boolean;
}

/** Whether a rule holds a tag (policy/age). Without `hold`, it does not, or no longer. */
export interface HoldFact extends TagName {
  /** Name of the rule. */
  rule: string;
  at: number;
  hold?: Hold;
  /** Why the hold is over. */
  because?: string;
}

export interface TagName {
  place: string;
  tag: string;
}

/** A tag that a rule holds. */
export interface HeldTag extends TagName {
  rule: string;
  hold: Hold;
}

/** A pulled image: an index, a manifest, or a child pulled by its digest. */
export interface PulledImage {
  place: string;
  digest: Digest;
  /** Tag that it was pulled by. */
  tag?: string;
  at: number;
}

/** An image requested by HEAD, or answered with 304: counts as use if it was pulled before. */
export type CheckedImage = Pick<PulledImage, "place" | "digest" | "at">;

/** Pulls of an image on one day (`2026-11-26`, UTC). */
export interface ImagePulls {
  day: string;
  place: string;
  digest: Digest;
  /** Tag used in the pull; "" for a pull by digest. */
  tag: string;
  pulls: number;
}

/** Counts of one day (`2026-11-26`, UTC) for one rule and place. */
export interface Counts {
  day: string;
  rule: string;
  place: string;
  /** Manifest GETs answered: what registries count as a pull. */
  pulls: number;
  /** Answers with content: hits from the cache, misses after a fetch, collapsed into another client's fetch, stale past
   * their TTL. */
  hits: number;
  misses: number;
  collapsed: number;
  stale: number;
  /** Bytes sent to clients, and bytes received from upstreams. */
  bytesServed: number;
  bytesFetched: number;
  upstreamRequests: number;
  /** Upstream requests that registries count as pulls: GETs of manifests. */
  upstreamPulls: number;
  /** Answers with status 500 and above, and refusals by a limit. */
  errors: number;
}

/** Counts of one hour (`2026-11-26T14`, UTC) over all rules and places. */
export interface CountedHour extends Omit<Counts, "day" | "rule" | "place"> {
  hour: string;
}

/** Summed counts of a day, a rule or a repository; columns outside the grouping are empty. */
export type Totals = Counts;

/** Requests to an upstream (`originOf` of policy/source) in one hour. */
export interface UpstreamHour {
  /** Hour in UTC, such as `2026-11-26T14`. */
  hour: string;
  origin: string;
  requests: number;
  /** Requests without an answer or with status 500 and above, and requests answered with 429. */
  failures: number;
  limited: number;
  /** Time to the first byte in ms: the sum over all requests, and the slowest. */
  waited: number;
  slowest: number;
  /** Pull quota as the upstream reports it: the lowest remainder, and the limit. */
  left?: number;
  limit?: number;
}

/** One report of an isolate. */
export interface Report {
  images: PulledImage[];
  /** Blobs pulled from the cache; the pull keeps an unreferenced one from being collected. */
  blobs: { digest: Digest; at: number }[];
  counts: Counts[];
  /** Absent, like the fields below, from isolates of an earlier version: `counts` then has the pulls, by repository
   * alone. */
  pulls?: ImagePulls[];
  checked?: CheckedImage[];
  hours?: UpstreamHour[];
  samples?: Sample[];
  happenings?: Happening[];
  /** Number of fills running in an isolate, under the isolate's random name. */
  filling?: { isolate: string; fills: number; at: number };
}

/** A stored happening, ordered by `id`. */
export type Happened = Happening & { id: number };

/** Platform operations in a month (`2026-11`): operation → count. */
export type Operations = Record<string, number>;

export interface Reported {
  /** Grows with each change that makes content deletable. When it has grown, the isolate reports at once the pulls that
   * it held back because it had reported the same within the hour. */
  marks: number;
  /** Images whose manifest or tag the catalog does not know (any more): the isolate that served them makes sure that
   * they are cached and recorded. */
  lost: PulledImage[];
  /** Blobs that were deleted, and were served from a copy. */
  lostBlobs: Digest[];
}

/** An image in a place. */
export interface HeldImage {
  pushedAt: number;
  pulledAt?: number;
  /** Since when the last pull is unknown, because the catalog was rebuilt from R2. */
  unknownSince?: number;
  tags: string[];
  /** When it was marked: it is deleted after the grace period. */
  expiredAt?: number;
  reason?: string;
  /** A pin keeps it, or keeps something that would be deleted along with it. */
  pinned?: true;
}

/** By severity: number of vulnerabilities, and of those that are fixable (policy/verdict). */
export type SeverityCounts = Record<Severity, [all: number, fixable: number]>;

/** A summary of what all scanners have found in a manifest. */
export interface VerdictFact {
  digest: Digest;
  /** Time of the oldest report that counts. */
  scannedAt: number;
  scanners: string[];
  counts: SeverityCounts;
  /** All ids of vulnerabilities. */
  ids: string[];
}

export interface VerdictQuery {
  /** The least severity that is listed; undefined for all. */
  severity?: Severity;
  /** Counts vulnerabilities with a fix alone. */
  fixable: boolean;
  /** Beginnings of places; none: all places. */
  roots: string[];
  skip: number;
  limit: number;
}

/** A place that holds a manifest, or an index that leads to it. */
export interface HeldBy {
  place: string;
  /** Of either. */
  tags: string[];
  /** Absent where it was never pulled, or the last pull is not known. */
  pulledAt?: number;
}

export interface ListedVerdict extends Omit<VerdictFact, "ids"> {
  heldBy: HeldBy[];
}

export interface VulnerabilityTotals {
  /** Number of manifests with a verdict. */
  scanned: number;
  /** `images` by their worst severity; `found` and `fixable` over all of them. */
  bySeverity: Record<Severity, { images: number; found: number; fixable: number }>;
}
