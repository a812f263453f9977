// Fill contract: calls to the fills' Durable Objects, and their answers. Plain data.

import type { CatalogBindings } from "../catalog/contract.ts";
import type { Digest } from "../oci/digest.ts";
import type { ErrorValue } from "../oci/error.ts";
import type { TagMapping } from "../policy/fresh.ts";
import type { Requester } from "../policy/requester.ts";
import type { Release } from "../policy/sightings.ts";
import type { Source } from "../policy/source.ts";
import type { StoreBindings } from "../store/bindings.ts";
import type { ListAsked, ListPage } from "../store/lists.ts";
import type { Manifest } from "../store/manifests.ts";
import type { Layout } from "../store/segments.ts";
import type { GateBindings } from "../upstream/contract.ts";

/** How a fill served a request: it was started for it, the request joined a running one, or the content was found in the
 * cache. */
export type How = "started" | "joined" | "found";

/** Options of a request, sent to a Durable Object as plain data. */
export interface Asking {
  /** Time in ms to wait for the upstream's answer. The fill itself goes on after a client has left. */
  patience: number;
  /** No client waits: the request leaves the last pulls of a rate limit to clients. */
  background?: boolean;
  /** The upstream has just named the digest: a remembered 404 does not count. */
  named?: boolean;
  /** The repository is already linked to the content: the upstream need not confirm it for this client. */
  linked?: boolean;
  /** For a tag: its manifest is fetched next, and `proved` is called then. */
  content?: boolean;
  /** For a tag: a digest that is missing at the upstream, or whose contents are. A tag that points to it is checked
   * again. */
  gone?: Digest;
  /** Skips the known mapping or page, however fresh. */
  force?: boolean;
  /** Client that the upstream request is charged to. */
  by?: Requester;
}

/** Answer to a joiner: the blob is published, or it is arriving in numbered segments. */
export type Joined =
  | { state: "published"; layout: Layout; how: How }
  | {
      state: "filling";
      attempt: string;
      size: number | null;
      ranges: boolean;
      how: How;
      /** Published blob to read instead of the attempt's segments, as far as those are reported ready. */
      compared?: Layout;
    };

/** Segments of an attempt that can be read, from the requested one on. */
export interface Ready {
  segments: number[];
  /** Set once the blob is verified and visible. */
  layout?: Layout;
}

export interface FetchedManifest {
  manifest: Manifest;
  how: How;
}

/** Description of a manifest from the upstream's HEAD. */
export interface ToldManifest {
  mediaType: string;
  /** Size in bytes. */
  size: number;
}

export interface CheckedTag {
  mapping: TagMapping;
  how: How;
  /** Why the mapping is not fresh: a stale one is served instead of this error. */
  failure?: ErrorValue;
  /** Why the registry could not be asked when the tag was pushed, which the rule wants to know. */
  unknownAge?: ErrorValue;
}

export interface FetchedList {
  page: ListPage;
  how: How;
  /** Why the page is not fresh: a stale one is served instead of this error. */
  failure?: ErrorValue;
}

export interface Removed {
  /** busy: it is being fetched or reported to the catalog, and stays. */
  outcome: "gone" | "busy";
  /** Whether it was stored. */
  found: boolean;
}

/** The fills, as their callers see them: each method is that of one object, named after what it works on. */
export interface Fills extends Pick<BlobFillMethods, "waitFor" | "mend" | "removeAttempt"> {
  joinBlob: BlobFillMethods["join"];
  headBlob: BlobFillMethods["head"];
  blobTwin: BlobFillMethods["twin"];
  joinManifest: ManifestFillMethods["join"];
  headManifest: ManifestFillMethods["head"];
  checkTag: TagFillMethods["check"];
  checkTagByGet: TagFillMethods["checkByGet"];
  tagProved: TagFillMethods["proved"];
  list: ListFillMethods["get"];

  /** Deletions go through the objects that fetch, so that the two never overlap. */
  removeTag(doomed: {
    place: string;
    tag: string;
    digest: Digest;
  }): ReturnType<TagFillMethods["remove"]>;
  removeManifest: ManifestFillMethods["remove"];
  removeBlob: BlobFillMethods["remove"];
  restoreTag: TagFillMethods["restore"];
  releaseTag: TagFillMethods["release"];
}

/** Methods of BlobFill. Names and positional arguments stay, the five of `waitFor` too: during a rolling deploy the previous version
 * calls them. */
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
  /** Digest of the blob's bytes by the other algorithm, for layouts that lack it. */
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
  /** Records that the repository is linked to the digest that the tag points to. */
  proved(source: Source, tag: string, digest: Digest): Promise<void>;
  remove(place: string, tag: string, digest: Digest): Promise<"gone" | "moved" | "busy">;
  restore(place: string, tag: string, mapping: TagMapping): Promise<void>;
  /** Serves a digest that is too young, until the release ends.
   * @returns false if the tag means another digest by now */
  release(source: Source, tag: string, digest: Digest, release: Release): Promise<boolean>;
}

export interface ListFillMethods {
  get(source: Source, list: ListAsked, asking: Asking): Promise<FetchedList>;
}

/** Bindings of the fills and of the rooms that they use. */
export interface FillBindings extends StoreBindings, CatalogBindings, GateBindings {
  BLOB_FILL: DurableObjectNamespace;
  MANIFEST_FILL: DurableObjectNamespace;
  TAG_FILL: DurableObjectNamespace;
  LIST_FILL: DurableObjectNamespace;
}
