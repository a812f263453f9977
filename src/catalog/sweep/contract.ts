// What a sweep asks the catalog, and tells it. Plain data; times are in ms since the epoch, by the clock of the sweep's entry.

import type { Digest } from "../../oci/digest.ts";
import type { BlobFact, TagFact } from "../record/contract.ts";
import type { RuleCount } from "./by-rule.ts";
import type { Candidate } from "./candidate.ts";

/** A candidate as it was when it was read. */
export interface CatalogImage extends Candidate {
  mediaType: string;
  artifactType?: string;
  platform?: string;
  /** Grows with each pull: what was pulled since is not marked. */
  touched: number;
  /** It is marked already, since then. */
  expiredAt?: number;
}

/** An image that its policy expires. */
export interface Expired {
  digest: Digest;
  touched: number;
  /** Whose policy it is: the name of a rule of the configuration, or "LIFECYCLE". */
  policy: string;
  /** The `rulePriority` of the policy's rule. */
  priority: number;
  reason: string;
}

export interface Marked {
  /** Newly, by policy and rule. */
  marked: RuleCount[];
  /** Marks that were taken back: the policy does not say so any more. */
  cleared: number;
}

/** A marked image whose grace is over. */
export interface Due {
  place: string;
  digest: Digest;
}

export interface Doomed {
  place: string;
  tag: string;
  digest: Digest;
}

export type ContentKind = "manifest" | "blob";

/** Content that is going to be deleted now, unless its object says that it is being fetched. */
export interface Condemned {
  digest: Digest;
  kind: ContentKind;
}

/** What came of it. */
export interface Removal extends Condemned {
  /** gone: it is not there (any more). busy: it is being fetched, or could not be deleted; it gets a new date. */
  outcome: "gone" | "busy";
  /** It was there until now. */
  found: boolean;
}

/** Segments without a head that leads to them. */
export interface Leftover {
  digest: Digest;
  attempt: string;
  bytes: number;
}

export interface RunBegun {
  id: number;
  /** Where the last run stopped. */
  progress: Progress;
}

/** How far a pass over R2 is, and from where places are gone through. */
export interface Progress {
  /** The pass that is under way. */
  pass?: { startedAt: number; stage: "manifests" | "tags" | "blobs"; after: string };
  /** When the last whole pass began: before the first, nothing is collected. */
  passedAt?: number;
  /** The last place that was evaluated in a round that is not at its end. */
  place?: string;
}

export interface RunReport {
  id: number;
  trigger: "cron" | "request" | "rebuild";
  /** The time that the sweep went by. */
  now: number;
  startedAt: number;
  endedAt?: number;
  /** In ms. */
  duration?: number;
  /** Images that were compared with their policies. */
  examined: number;
  expired: RuleCount[];
  revived: number;
  /** Images that stay although their time is over, by why. */
  waiting: Record<string, number>;
  deleted: { images: number; tags: number; manifests: number; blobs: number; leftovers: number };
  bytesFreed: number;
  adopted: number;
  forgotten: number;
  /** Operations of R2 and KV, and calls of Durable Objects. */
  subrequests: number;
  /** It stopped before the end, at its bounds; the next one goes on. */
  unfinished: boolean;
  error?: string;
}

/** What a sweep itself has counted; what was deleted, the catalog counts. */
export type RunCounts = Pick<
  RunReport,
  "examined" | "expired" | "waiting" | "adopted" | "forgotten" | "subrequests" | "unfinished"
> & { error?: string };

/** Of a run that has just begun. */
export function nothingCounted(): RunCounts {
  return {
    examined: 0,
    expired: [],
    waiting: {},
    adopted: 0,
    forgotten: 0,
    subrequests: 0,
    unfinished: false,
  };
}

/** Something that was deleted, or came back to life, and why. Kept for 90 days. */
export interface LifecycleEvent {
  id: number;
  at: number;
  what: "expired" | "revived" | "image" | "tag" | "manifest" | "blob" | "leftover";
  place?: string;
  digest?: Digest;
  /** Of an image; of a tag, itself. */
  tags?: string[];
  bytes?: number;
  policy?: string;
  priority?: number;
  reason: string;
  run?: number;
}

/** A page of R2's listing, as the catalog is to compare it with what it knows: all that is stored after `after`, up to and with
 * `upTo` (undefined: to the end). What it knows in that stretch, has known since before the pass, and does not see, is gone. */
export interface Page<T> {
  after: string;
  upTo: string | undefined;
  startedAt: number;
  seen: T[];
}

export type TagPage = Page<TagFact>;
export type BlobPage = Page<BlobFact> & { segments: Leftover[]; now: number };

export interface CatalogSummary {
  repositories: number;
  images: number;
  tags: number;
  manifests: number;
  blobs: number;
  /** Of manifests, blobs and what is left of them, as they are in R2. */
  bytes: number;
  /** When the last whole pass over R2 began. */
  reconciledAt?: number;
}

export interface Pin {
  /** A tag, or a digest. */
  reference: string;
  /** In ms since the epoch. */
  at: number;
  who: string;
}

export interface RemovedImage {
  digest: Digest;
  /** The image itself leaves, and not merely one of its tags. */
  left: boolean;
  /** Tags that are to be deleted, which their objects do. */
  doomed: Doomed[];
  /** In bytes, of what nothing refers to then. */
  freed: number;
}

export type Removing = RemovedImage | { refused: "pinned" } | { refused: "led to"; by: Digest };
