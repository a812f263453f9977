// Sweep contract: what a sweep asks the catalog and reports to it. Plain data; times are in ms since the epoch, by the
// clock of the sweep's entry.

import type { Digest } from "../../oci/digest.ts";
import type { BlobFact, TagFact, VulnerabilityTotals } from "../record/contract.ts";
import type { Candidate } from "./candidate.ts";

/** A candidate as it was when read. */
export interface CatalogImage extends Candidate {
  mediaType: string;
  artifactType?: string;
  platform?: string;
  /** Grows with each pull: an image pulled since it was read is not marked. */
  touched: number;
  /** When it was marked; undefined if it is not. */
  expiredAt?: number;
}

/** An image that its policy expires. */
export interface Expired {
  digest: Digest;
  touched: number;
  /** Owner of the policy: the name of a configured rule, or "LIFECYCLE". */
  policy: string;
  /** The `rulePriority` of the policy's rule. */
  priority: number;
  reason: string;
}

/** Images counted by the policy and the rule that expires them. */
export interface RuleCount {
  /** Owner of the policy: the name of a configured rule, or "LIFECYCLE". */
  policy: string;
  /** The `rulePriority` of the policy's rule. */
  priority: number;
  images: number;
}

/** Adds to the counts of a policy's rule; rules are listed in order of first appearance. */
export function countByRule(
  counts: RuleCount[],
  { policy, priority }: Pick<RuleCount, "policy" | "priority">,
  images = 1,
): void {
  const known = counts.find((one) => one.policy === policy && one.priority === priority);
  if (known) known.images += images;
  else counts.push({ policy, priority, images });
}

export interface Marked {
  /** New marks by policy and rule. */
  marked: RuleCount[];
  /** Number of marks cleared because the policy keeps the image now. */
  cleared: number;
}

/** A marked image whose grace period is over. */
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

/** Content to delete now, unless its fill object says that it is being fetched. */
export interface Condemned {
  digest: Digest;
  kind: ContentKind;
}

/** Outcome of deleting a condemned content. */
export interface Removal extends Condemned {
  /** gone: it is not cached (any more). busy: it is being fetched, or could not be deleted; it gets a new date. */
  outcome: "gone" | "busy";
  /** Whether it was cached until now. */
  found: boolean;
}

/** Segments that no head object refers to. */
export interface Leftover {
  digest: Digest;
  attempt: string;
  bytes: number;
}

export interface RunBegun {
  id: number;
  /** Progress of the last run. */
  progress: Progress;
}

/** A run, as the calls that it makes name it. */
export interface SweepRun {
  /** By the run's clock. */
  now: number;
  /** Its id; 0 for an administrator's deletion. */
  run: number;
}

/** Progress of the pass over R2 and of the evaluation of places. */
export interface Progress {
  /** The running pass. */
  pass?: { startedAt: number; stage: "manifests" | "tags" | "blobs"; after: string };
  /** When the last complete pass began; before the first one nothing is collected. */
  passedAt?: number;
  /** Last place evaluated in an unfinished round. */
  place?: string;
}

export interface RunReport {
  id: number;
  trigger: "cron" | "request" | "rebuild";
  /** Time that policies were evaluated by. */
  now: number;
  startedAt: number;
  endedAt?: number;
  /** In ms. */
  duration?: number;
  /** Number of images compared with their policies. */
  examined: number;
  expired: RuleCount[];
  revived: number;
  /** Images kept although their time is over: reason → count. */
  waiting: Record<string, number>;
  deleted: { images: number; tags: number; manifests: number; blobs: number; leftovers: number };
  bytesFreed: number;
  adopted: number;
  forgotten: number;
  /** Operations of R2 and KV, and Durable Object calls. */
  subrequests: number;
  /** The run stopped at its limits; the next one continues. */
  unfinished: boolean;
  error?: string;
}

/** Counts of the sweep itself; the catalog counts deletions. */
export type RunCounts = Pick<
  RunReport,
  "examined" | "expired" | "waiting" | "adopted" | "forgotten" | "subrequests" | "unfinished"
> & { error?: string };

/** Initial counts of a run. */
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

/** An expiry, revival or deletion with its reason. Kept for 90 days. */
export interface LifecycleEvent {
  id: number;
  at: number;
  what: "expired" | "revived" | "image" | "tag" | "manifest" | "blob" | "leftover";
  place?: string;
  digest?: Digest;
  /** Tags of the image; for a tag's event, the tag itself. */
  tags?: string[];
  bytes?: number;
  policy?: string;
  priority?: number;
  reason: string;
  run?: number;
}

/** A page of R2's listing to compare with the catalog: all that is stored after `after`, up to and including `upTo`
 * (undefined: to the end). Content of that part that the catalog has known since before the pass, and that is not in
 * `seen`, is gone. */
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
  /** Bytes in R2 of manifests, blobs and leftover segments. */
  bytes: number;
  /** When the last complete pass over R2 began. */
  reconciledAt?: number;
  /** Absent in answers of earlier versions. */
  vulnerabilities?: VulnerabilityTotals;
}

export interface Pin {
  /** Tag or digest. */
  reference: string;
  /** In ms since the epoch. */
  at: number;
  who: string;
}

export interface RemovedImage {
  digest: Digest;
  /** Whether the image itself left its place, not only one of its tags. */
  left: boolean;
  /** Tags to delete, by their TagFill objects. */
  doomed: Doomed[];
  /** Bytes of contents that nothing refers to afterwards. */
  freed: number;
}

export type Removing = RemovedImage | { refused: "pinned" } | { refused: "led to"; by: Digest };
