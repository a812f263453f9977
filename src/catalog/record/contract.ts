// What the catalog is told: plain data, as it comes from the objects that fetch and from the isolates that answer. A place is
// an origin and a repository (policy/source), or "" where that is not known any more; times are in ms since the epoch.

import type { Happening, Sample } from "../../meter/meter.ts";
import type { Digest } from "../../oci/digest.ts";

/** A manifest that is kept here: told before it is stored, so that no blob of it is taken for unreferenced meanwhile. */
export interface ManifestFact {
  digest: Digest;
  place: string;
  mediaType: string;
  /** In bytes. */
  size: number;
  artifactType?: string;
  subject?: Digest;
  /** What is, or may be, a manifest (oci/kind). */
  children: { digest: Digest; platform?: string }[];
  /** Config, layers, and what an index names beside manifests. */
  blobs: Digest[];
  /** Those of them that whoever made the manifest could name without having them (oci/references). */
  foreign?: Digest[];
  cachedAt: number;
  /** It was found in R2, and not fetched just now. Where its image is new to the catalog, its last pull is unknown since then. */
  adoptedAt?: number;
  /** A fill found it here, for a place that asks for it now: no time of it is unknown. */
  found?: true;
}

/** A blob that is published. */
export interface BlobFact {
  digest: Digest;
  /** In bytes. */
  size: number;
  attempt: string;
  /** Of its head in R2 (store/segments). */
  generation: string;
  cachedAt: number;
}

/** What a tag means since then; or that the upstream has it no more. */
export interface TagFact {
  place: string;
  tag: string;
  digest: Digest;
  at: number;
  gone: boolean;
}

/** An image that was pulled: an index, a manifest, or a child by its digest. */
export interface PulledImage {
  place: string;
  digest: Digest;
  /** By which it was named. */
  tag?: string;
  at: number;
}

/** An image whose manifest was asked for by HEAD, or answered with 304: it is in use, where it was pulled before. */
export type CheckedImage = Pick<PulledImage, "place" | "digest" | "at">;

/** Pulls of an image on a day (`2026-11-26`, in UTC). */
export interface ImagePulls {
  day: string;
  place: string;
  digest: Digest;
  /** That it was named by; "" by its digest. */
  tag: string;
  pulls: number;
}

/** What was counted on a day (`2026-11-26`, in UTC) under a rule in a place. */
export interface Counts {
  day: string;
  rule: string;
  place: string;
  /** Manifests that were answered with GET: what registries count as a pull. */
  pulls: number;
  /** Answers with content: from what was here, after a fetch, along with somebody else's fetch, from what was past its time. */
  hits: number;
  misses: number;
  collapsed: number;
  stale: number;
  /** In bytes: to clients, and from the upstream. */
  bytesServed: number;
  bytesFetched: number;
  upstreamRequests: number;
  /** Those of them that registries count as pulls: manifests' GETs. */
  upstreamPulls: number;
  /** Answers of 500 and above, and refusals for a limit's sake. */
  errors: number;
}

/** What was counted in an hour (`2026-11-26T14`, in UTC), all together. */
export interface CountedHour extends Omit<Counts, "day" | "rule" | "place"> {
  hour: string;
}

/** Counts that were added up: of a day, a rule, or a repository. What they are not of is empty. */
export type Totals = Counts;

/** How an upstream (policy/source, `originOf`) did in an hour. */
export interface UpstreamHour {
  /** `2026-11-26T14`, in UTC. */
  hour: string;
  origin: string;
  requests: number;
  /** Of them: no answer, or 500 and above; and 429. */
  failures: number;
  limited: number;
  /** Until the answer began, in ms: of all requests together, and of the slowest. */
  waited: number;
  slowest: number;
  /** Of pulls, as it was told: the least that was left, and of how many. */
  left?: number;
  limit?: number;
}

/** What an isolate tells at once. */
export interface Report {
  images: PulledImage[];
  /** Blobs that were pulled from what is here: one that nothing refers to any more is not collected then. */
  blobs: { digest: Digest; at: number }[];
  counts: Counts[];
  /** Absent from an isolate of an earlier version, as the next is: its counts have the pulls, by repository alone. */
  pulls?: ImagePulls[];
  checked?: CheckedImage[];
  hours?: UpstreamHour[];
  samples?: Sample[];
  happenings?: Happening[];
  /** How many fills are at work in an isolate, which is known by this name. */
  filling?: { isolate: string; fills: number; at: number };
}

/** Something that happened, as it is kept: in the order of `id`. */
export type Happened = Happening & { id: number };

/** What Cloudflare was asked for in a month (`2026-11`): operation → how often. */
export type Operations = Record<string, number>;

export interface Reported {
  /** Grows whenever something is marked for deletion: what was pulled since the last report, and was not told since it had been
   * told within the hour, is to be told now. */
  marks: number;
  /** Images whose manifest, or tag, the catalog does not know (any more): whoever has just served them is to see that they are
   * here, and told. */
  lost: PulledImage[];
  /** Blobs that were deleted: they were served from a copy. */
  lostBlobs: Digest[];
}

/** An image as a place holds it. */
export interface HeldImage {
  pushedAt: number;
  pulledAt?: number;
  /** Since when it is not known when it was last pulled: the catalog was made anew from R2. */
  unknownSince?: number;
  tags: string[];
  /** It is marked, and goes when its grace is over. */
  expiredAt?: number;
  reason?: string;
  /** A pin keeps it, or something that would go along with it. */
  pinned?: true;
}
