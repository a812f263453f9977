// What the lifecycle tells whoever asks for it: a preview, and what a rebuilding has come to.

import type { RuleCount, RunReport } from "../catalog/sweep/contract.ts";
import type { LifecyclePolicy } from "../config/lifecycle-policy.ts";
import type { Digest } from "../oci/digest.ts";

export interface PreviewImage {
  /** As clients name it, by the first prefix of the rule that covers it; else its place. */
  name: string;
  place: string;
  digest: Digest;
  tags: string[];
  /** In bytes, what it shares with others included. */
  size: number;
  /** ISO 8601. */
  pushedAt: string;
  pulledAt?: string;
  /** Since when it is not known when it was last pulled. */
  unknownSince?: string;
  policy: string;
  priority: number;
  reason: string;
  /** When a sweep has marked it; its grace runs from there. */
  markedAt?: string;
  /** Why it stays nevertheless: its upstream could not give it again. */
  waiting?: string;
}

export interface Preview {
  now: string;
  /** In ms: between the mark and the deletion. */
  grace: number;
  /** Whether the policies are those of the request, and not those in force. */
  given: boolean;
  examined: number;
  /** Of those, kept by pins, whatever policies say. */
  pinned: number;
  expired: RuleCount[];
  images: PreviewImage[];
  /** More expire than are listed. */
  more: number;
  /** In R2, once all of them (not those that wait) have gone: what is shared with what stays is not in it. */
  bytesFreed: number;
  /** Of all that is cached. */
  bytes: number;
}

export interface PreviewAsked {
  /** Tried in place of every policy that is configured. */
  policies?: LifecyclePolicy[];
  /** As if every upstream could give everything again. */
  force: boolean;
}

export interface SweepAsked {
  trigger: "cron" | "request";
  force: boolean;
}

export interface Rebuilt {
  done: boolean;
  stage?: "manifests" | "tags" | "blobs";
  /** Manifests, tags and blobs, of this call. */
  adopted: number;
  /** What went wrong: the next call tries again. */
  error?: string;
}

/** What the API and the cron do. `now` is in ms since the epoch. */
export interface Lifecycle {
  preview(asked: PreviewAsked, now: number): Promise<Preview>;
  /** Undefined while another run is at work. */
  sweep(asked: SweepAsked, now: number): Promise<RunReport | undefined>;
  /** Learns anew from R2 what is cached, a stretch at a time: until `done`, call it again.
   * @param fresh forgets first what is known; false goes on. Undefined while a sweep is at work. */
  rebuild(fresh: boolean, now: number): Promise<Rebuilt | undefined>;
}
