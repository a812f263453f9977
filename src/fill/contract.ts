// The contract of the fills: what their Durable Objects are asked, and what they answer. Plain data.

import type { CatalogBindings } from "../catalog/contract.ts";
import type { Digest } from "../oci/digest.ts";
import type { ErrorValue } from "../oci/error.ts";
import type { TagMapping } from "../policy/fresh.ts";
import type { Requester } from "../policy/requester.ts";
import type { Source } from "../policy/source.ts";
import type { StoreBindings } from "../store/bindings.ts";
import type { ListAsked, ListPage } from "../store/lists.ts";
import type { Manifest } from "../store/manifests.ts";
import type { Layout } from "../store/segments.ts";
import type { GateBindings } from "../upstream/contract.ts";

/** How a fill served a request: it began for it, the request joined one that was running, or the content was here after all. */
export type How = "started" | "joined" | "found";

/** Plain data, as it goes to a Durable Object. */
export interface Asking {
  /** For how long, in ms, the upstream's answer is waited for. What is asked for goes on without whoever has left. */
  patience: number;
  /** Nobody waits: the last pulls of a rate limit are not for this. */
  background?: boolean;
  /** The upstream has just named it: that it was unknown a moment ago does not count. */
  named?: boolean;
  /** The repository is known to have it: it need not be confirmed for him. */
  linked?: boolean;
  /** Of a tag: its manifest is fetched next, and `proved` is told then. */
  content?: boolean;
  /** Of a tag: a digest that the upstream has no more, or whose contents it has no more. A tag that means it is asked again. */
  gone?: Digest;
  /** Not what was known before, however fresh. */
  force?: boolean;
  /** Who makes the cache ask. */
  by?: Requester;
}

/** The answer to a joiner: the blob is here, or it is on its way in numbered segments. */
export type Joined =
  | { state: "published"; layout: Layout; how: How }
  | {
      state: "filling";
      attempt: string;
      size: number | null;
      ranges: boolean;
      how: How;
      /** What is read in place of the attempt's segments, as far as those are told to be ready. */
      compared?: Layout;
    };

/** What is ready of an attempt, from the segment that was asked for on. */
export interface Ready {
  segments: number[];
  /** Set once the blob is verified and visible. */
  layout?: Layout;
}

export interface FetchedManifest {
  manifest: Manifest;
  how: How;
}

/** What the upstream's HEAD tells of a manifest. */
export interface ToldManifest {
  mediaType: string;
  /** In bytes. */
  size: number;
}

export interface CheckedTag {
  mapping: TagMapping;
  how: How;
  /** Why the mapping is not fresh: it is served instead of this error. */
  failure?: ErrorValue;
}

export interface FetchedList {
  page: ListPage;
  how: How;
  /** Why the page is not fresh: it is served instead of this error. */
  failure?: ErrorValue;
}

export interface Removed {
  /** busy: it is being fetched, or told of, and stays. */
  outcome: "gone" | "busy";
  /** It was there. */
  found: boolean;
}

export interface Fills {
  joinBlob(digest: Digest, source: Source, asking: Asking): Promise<Joined>;
  headBlob(digest: Digest, source: Source, asking: Asking): Promise<number | undefined>;
  waitFor(
    digest: Digest,
    source: Source,
    attempt: string,
    segment: number,
    verified: boolean,
  ): Promise<Ready>;
  mend(source: Source, layout: Layout): Promise<void>;
  /** The digest of a blob's bytes by the other algorithm, where its layout does not say it. */
  blobTwin(digest: Digest): Promise<Digest | undefined>;
  joinManifest(digest: Digest, source: Source, asking: Asking): Promise<FetchedManifest>;
  headManifest(digest: Digest, source: Source, asking: Asking): Promise<ToldManifest | undefined>;
  checkTag(source: Source, tag: string, asking: Asking): Promise<CheckedTag>;
  checkTagByGet(source: Source, tag: string, wrong: Digest, asking: Asking): Promise<CheckedTag>;
  /** The repository is linked to what the tag means. */
  tagProved(source: Source, tag: string, digest: Digest): Promise<void>;
  list(source: Source, asked: ListAsked, asking: Asking): Promise<FetchedList>;

  /** What is deleted is deleted by the objects that fetch it. */
  removeTag(doomed: {
    place: string;
    tag: string;
    digest: Digest;
  }): Promise<"gone" | "moved" | "busy">;
  removeManifest(digest: Digest): Promise<Removed>;
  removeBlob(digest: Digest): Promise<Removed>;
  removeAttempt(digest: Digest, attempt: string): Promise<number | undefined>;
  restoreTag(place: string, tag: string, mapping: TagMapping): Promise<void>;
}

/** Methods of BlobFill; other names and arguments would break calls of the version that is being replaced. */
export interface BlobFillMethods {
  join(digest: Digest, source: Source, asking: Asking): Promise<Joined>;
  head(digest: Digest, source: Source, asking: Asking): Promise<number | undefined>;
  waitFor(
    digest: Digest,
    source: Source,
    attempt: string,
    segment: number,
    verified: boolean,
  ): Promise<Ready>;
  mend(source: Source, layout: Layout): Promise<void>;
  twin(digest: Digest): Promise<Digest | undefined>;
  remove(digest: Digest): Promise<Removed>;
  removeAttempt(digest: Digest, attempt: string): Promise<number | undefined>;
}

export interface ManifestFillMethods {
  join(digest: Digest, source: Source, asking: Asking): Promise<FetchedManifest>;
  head(digest: Digest, source: Source, asking: Asking): Promise<ToldManifest | undefined>;
  remove(digest: Digest): Promise<Removed>;
}

export interface TagFillMethods {
  check(source: Source, tag: string, asking: Asking): Promise<CheckedTag>;
  checkByGet(source: Source, tag: string, wrong: Digest, asking: Asking): Promise<CheckedTag>;
  proved(source: Source, tag: string, digest: Digest): Promise<void>;
  remove(place: string, tag: string, digest: Digest): Promise<"gone" | "moved" | "busy">;
  restore(place: string, tag: string, mapping: TagMapping): Promise<void>;
}

export interface ListFillMethods {
  get(source: Source, asked: ListAsked, asking: Asking): Promise<FetchedList>;
}

/** Bindings of the fills, and of what they work with. */
export interface FillBindings extends StoreBindings, CatalogBindings, GateBindings {
  BLOB_FILL: DurableObjectNamespace;
  MANIFEST_FILL: DurableObjectNamespace;
  TAG_FILL: DurableObjectNamespace;
  LIST_FILL: DurableObjectNamespace;
}
