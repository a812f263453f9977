// What is asked of the catalog about images and counts, and what it answers. Plain data; times are in ms since the epoch.

import type { Digest } from "../../oci/digest.ts";
import type { HeldImage } from "../record/contract.ts";
import type { ContentKind, Pin } from "../sweep/contract.ts";

export const SORTS = ["pulled", "cached", "name", "size", "pulls"] as const;
export type Sort = (typeof SORTS)[number];

export interface ImageQuery {
  /** A part of `host/repository:tag`, in lower case, or the beginning of a digest; one of these. */
  parts: string[];
  /** What places have to begin with; one of these. */
  places: string[];
  sort: Sort;
  descending: boolean;
  /** The last one of the page before. */
  after?: Position;
  limit: number;
}

/** What it stands by, and the numbers of its place and its manifest: as the indexes have them. */
export type Position = [key: string | number, place: number, content: number];

export interface ListedImage extends Platforms {
  place: string;
  digest: Digest;
  mediaType: string;
  tags: string[];
  /** In bytes, of all that it consists of and that is here. */
  size: number;
  cachedAt: number;
  pulledAt?: number;
  unknownSince?: number;
  /** Of this image, by its digest and its tags, in 90 days. */
  pulls: number;
  repository: RepositoryPulls;
  pinned: boolean;
  /** It is marked to go, and why. */
  expiring?: string;
  /** In the order that was asked for. */
  key: string | number;
  numbers: { place: number; content: number };
}

export interface Platforms {
  platforms: string[];
  /** No index names one, and the config has not been read for it. */
  unread?: true;
}

export interface RepositoryPulls {
  /** Of all its images in 90 days, those that are gone too. */
  pulls: number;
  /** Of these, those that are known by repository alone: they were counted before pulls were counted by image. */
  unassigned: number;
}

/** What a place knows of an image, beside what its manifests say. */
export interface ImageRecord extends Pick<HeldImage, "pulledAt" | "unknownSince"> {
  cachedAt: number;
  /** Of this image, by its digest and its tags, in 90 days. */
  pulls: number;
  /** By the tags that it was named by; "" by its digest. */
  pullsByTag: { tag: string; pulls: number }[];
  repository: RepositoryPulls;
  expiring?: string;
  tags: { tag: string; since: number }[];
  /** What its tags meant before, the latest first. */
  history: { tag: string; digest: Digest; since: number; until: number }[];
  pins: Pin[];
  /** The digest of an index of the place that leads to it. */
  partOf?: Digest;
  referrers: { digest: Digest; artifactType?: string; size: number }[];
}

/** What is here of a digest, and how many manifests lead to it. */
export interface KnownContent {
  digest: Digest;
  kind: ContentKind;
  present: boolean;
  parents: number;
}

/** What leads to a digest in a place. */
export interface Leading {
  /** Tags, with what they mean: that digest, or an image that leads to it. */
  tags: { tag: string; digest: Digest }[];
  /** Images and meanings of tags, whether or not a tag means them today. */
  roots: Digest[];
}

/** What is added up under one name each; of days and repositories the others' columns are empty. */
export type By = "day" | "rule" | "repository";
