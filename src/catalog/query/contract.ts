// Catalog queries: questions about images and counts, and their answers. Plain data; times are in ms since the epoch.

import type { Digest } from "../../oci/digest.ts";
import type { HeldImage } from "../record/contract.ts";
import type { ContentKind, Pin } from "../sweep/contract.ts";

export const SORTS = ["pulled", "cached", "name", "size", "pulls"] as const;
export type Sort = (typeof SORTS)[number];

export interface ImageQuery {
  /** Parts of `host/repository:tag` in lower case, or beginnings of a digest; any one may match. */
  parts: string[];
  /** Prefixes of places; any one may match. */
  places: string[];
  sort: Sort;
  descending: boolean;
  /** Position of the last image of the previous page. */
  after?: Position;
  limit: number;
}

/** Sort key of an image, and the numbers of its place and manifest, as in the indexes. */
export type Position = [key: string | number, place: number, content: number];

export interface ListedImage extends Platforms {
  place: string;
  digest: Digest;
  mediaType: string;
  tags: string[];
  /** Total size in bytes of its cached contents. */
  size: number;
  cachedAt: number;
  pulledAt?: number;
  unknownSince?: number;
  /** Pulls of this image in 90 days, by digest and by tag. */
  pulls: number;
  repository: RepositoryPulls;
  pinned: boolean;
  /** Why the image is marked for deletion; undefined if it is not. */
  expiring?: string;
  /** Sort key in the requested order. */
  key: string | number;
  numbers: { place: number; content: number };
}

export interface Platforms {
  platforms: string[];
  /** No index names a platform, and the config has not been read. */
  unread?: true;
}

export interface RepositoryPulls {
  /** Pulls of all its images in 90 days, deleted ones included. */
  pulls: number;
  /** Pulls known by repository alone, from before pulls were counted by image. */
  unassigned: number;
}

/** What a place knows of an image besides its manifests. */
export interface ImageRecord extends Pick<HeldImage, "pulledAt" | "unknownSince"> {
  cachedAt: number;
  /** Pulls of this image in 90 days, by digest and by tag. */
  pulls: number;
  /** Pulls by the tag used; "" for pulls by digest. */
  pullsByTag: { tag: string; pulls: number }[];
  repository: RepositoryPulls;
  expiring?: string;
  tags: { tag: string; since: number }[];
  /** Earlier digests of its tags, newest first. */
  history: { tag: string; digest: Digest; since: number; until: number }[];
  pins: Pin[];
  /** Digest of an index of the place that leads to it. */
  partOf?: Digest;
  referrers: { digest: Digest; artifactType?: string; size: number }[];
}

/** Whether a digest is cached, and how many manifests lead to it. */
export interface KnownContent {
  digest: Digest;
  kind: ContentKind;
  present: boolean;
  parents: number;
}

/** Tags and images of a place that lead to a digest. */
export interface Leading {
  /** Tags, with the digest each points to: the digest itself or an image that leads to it. */
  tags: { tag: string; digest: Digest }[];
  /** Digests of images and tags that lead to it, whether or not a tag points to them. */
  roots: Digest[];
}

/** Grouping of totals; the columns of other groupings are empty. */
export type By = "day" | "rule" | "repository";
