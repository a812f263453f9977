// Lifecycle contract: previews, sweeps and the progress of a rebuild, as the API and the cron use them.

import type { RuleCount, RunReport } from "../catalog/sweep/contract.ts";
import type { LifecyclePolicy } from "../config/lifecycle-policy.ts";
import type { Digest } from "../oci/digest.ts";

export interface PreviewImage {
  /** The name that clients use, with the first prefix of its rule; the place if no rule covers it. */
  name: string;
  place: string;
  digest: Digest;
  tags: string[];
  /** In bytes, including content shared with other images. */
  size: number;
  /** ISO 8601. */
  pushedAt: string;
  pulledAt?: string;
  /** Start of the period for which pulls are unknown. */
  unknownSince?: string;
  policy: string;
  priority: number;
  reason: string;
  /** When a sweep marked it; the grace period starts there. */
  markedAt?: string;
  /** Why it is kept nevertheless: its upstream could not deliver it again. */
  waiting?: string;
}

export interface Preview {
  now: string;
  /** Time between mark and deletion, in ms. */
  grace: number;
  /** Whether the policies come from the request rather than the configuration. */
  given: boolean;
  examined: number;
  /** Of those examined, the images that pins keep regardless of policy. */
  pinned: number;
  expired: RuleCount[];
  images: PreviewImage[];
  /** Number of expiring images that are not listed. */
  more: number;
  /** Bytes freed in R2 once all listed images, except waiting ones, are deleted; content shared with kept images is excluded. */
  bytesFreed: number;
  /** Size of everything cached. */
  bytes: number;
}

export interface PreviewOptions {
  /** Evaluated in place of all configured policies. */
  policies?: LifecyclePolicy[];
  /** Assumes that every upstream could deliver everything again. */
  force: boolean;
}

export interface SweepOptions {
  trigger: "cron" | "request";
  force: boolean;
}

export interface Rebuilt {
  done: boolean;
  stage?: "manifests" | "tags" | "blobs";
  /** Manifests, tags and blobs adopted by this call. */
  adopted: number;
  /** Why this call stopped early; the next call retries. */
  error?: string;
}

/** Operations of the API and the cron. `now` is in ms since the epoch. */
export interface Lifecycle {
  preview(options: PreviewOptions, now: number): Promise<Preview>;
  /** Undefined while another run is in progress. */
  sweep(options: SweepOptions, now: number): Promise<RunReport | undefined>;
  /** Rebuilds the catalog from R2, one bounded stretch per call; call it again until `done`. `fresh` first forgets what is
   * known, false continues. Undefined while a sweep is in progress. */
  rebuild(fresh: boolean, now: number): Promise<Rebuilt | undefined>;
}
