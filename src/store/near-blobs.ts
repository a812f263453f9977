// Published blobs as a client's request reads them: the layout from near by, each segment from the edge or else from R2. A
// segment at the edge is of one generation, which the layout names: whatever was published or deleted since, no other is served.

import type { Digest } from "../oci/digest.ts";
import type { BlobStore, Head, Slice } from "./blobs.ts";
import type { EdgeCache, Part } from "./edge.ts";
import { blobKvKey, edgeSegmentKey } from "./keys.ts";
import type { Form, Found, Near } from "./near.ts";
import { type Layout, segmentLength } from "./segments.ts";
import type { Layer, Visit } from "./visit.ts";

/** A segment, or a slice of one. */
export interface Opened {
  stream: ReadableStream;
  layer: Layer;
}

/** For how long segments may be kept, in s: their keys never mean anything else. */
const A_YEAR = 365 * 24 * 60 * 60;
/** For how long nobody of this isolate copies what somebody did, in ms. */
const COPIED = 60_000;
/** When KV shows everywhere what was written, in ms: whatever it lacks later was lost. */
const SHOWN = 5 * 60_000;

export class NearBlobs {
  readonly #near: Near;
  readonly #edge: EdgeCache;
  readonly #store: BlobStore;

  constructor(near: Near, edge: EdgeCache, store: BlobStore) {
    this.#near = near;
    this.#edge = edge;
    this.#store = store;
  }

  /** A claim where it is not R2's own: the blob may be gone since, or be published anew. */
  layout(digest: Digest, visit: Visit): Promise<Found<Layout> | undefined> {
    return this.#near.get(blobKvKey(digest), formOf(digest), visit, async () => {
      const recorded = await this.#recorded(digest);
      if (recorded) return recorded;
      const head = await this.#store.head(digest);
      if (!head) return undefined;
      this.#recordIfLost(head, visit);
      return { value: head.layout, layer: "r2" };
    });
  }

  /** The layout and the first segment; without the segment where that is missing or not as long as it must be. */
  async open(
    digest: Digest,
    visit: Visit,
  ): Promise<{ layout: Layout; first?: Opened } | undefined> {
    const recorded = () => this.#recorded(digest);
    const claim = await this.#near.get(blobKvKey(digest), formOf(digest), visit, recorded);
    if (claim) {
      const layout = claim.value;
      const length = segmentLength(layout.size, 0);
      const first = await this.#atEdge(layout, 0, { offset: 0, length }, visit);
      if (first) return { layout, first };
    }
    const opened = await this.#store.open(digest);
    if (!opened) {
      if (claim) this.forget(digest, visit);
      return undefined;
    }
    const { layout, first } = opened;
    this.keep(layout, visit);
    if (!claim) this.#recordIfLost(opened, visit);
    return { layout, ...(first && { first: { stream: first, layer: "r2" } }) };
  }

  /** Undefined where it is missing, or not as long as it must be: or the layout is not the blob's any more. */
  async segment(
    layout: Layout,
    number: number,
    slice: Slice,
    visit: Visit,
  ): Promise<Opened | undefined> {
    const near = await this.#atEdge(layout, number, slice, visit);
    if (near) return near;
    const stream = await this.#store.segment(layout, number, slice);
    return stream && { stream, layer: "r2" };
  }

  /** A segment of an attempt that is still being made; undefined where it is not there (any more). */
  async attemptSegment(
    digest: Digest,
    attempt: string,
    number: number,
    slice: Slice,
  ): Promise<Opened | undefined> {
    const stream = await this.#store.attemptSegment(digest, attempt, number, slice);
    return stream && { stream, layer: "r2" };
  }

  /** The layout as R2 has it now; undefined where there is no such blob. */
  async reread(digest: Digest, visit: Visit): Promise<Layout | undefined> {
    const layout = await this.#store.layout(digest);
    if (layout) this.keep(layout, visit);
    else this.forget(digest, visit);
    return layout;
  }

  /** What a fill has just published. */
  keep(layout: Layout, visit: Visit): void {
    this.#near.keep(blobKvKey(layout.digest), layout, formOf(layout.digest), visit);
  }

  forget(digest: Digest, visit: Visit): void {
    this.#near.forget(blobKvKey(digest), visit);
  }

  /** Whether a segment is to be copied to the edge: not where this isolate has done so lately. */
  claimCopy(layout: Layout, number: number, visit: Visit): boolean {
    return layout.size > 0 && this.#edge.claim(visit, keyOf(layout, number), COPIED);
  }

  /** Copies a segment from R2 to the edge, whole or not at all, unless another isolate has: in memory, for a while, as a whole.
   * @returns whether it was copied */
  async copy(layout: Layout, number: number, visit: Visit): Promise<boolean> {
    const key = keyOf(layout, number);
    const length = segmentLength(layout.size, number);
    const part = { offset: 0, length, of: length };
    const there = await this.#edge.match(visit, key, part);
    if (there) {
      await there.body?.cancel();
      return false;
    }
    const bytes = await this.#store.wholeSegment(layout, number);
    if (bytes?.byteLength !== length) return false;
    const contentType = "application/octet-stream";
    await this.#edge.put(visit, key, { bytes, contentType, maxAge: A_YEAR });
    return true;
  }

  async #recorded(digest: Digest): Promise<Found<Layout> | undefined> {
    const recorded = await this.#store.recorded(digest);
    return recorded && { value: recorded, layer: "kv" };
  }

  async #atEdge(
    layout: Layout,
    number: number,
    slice: Slice,
    visit: Visit,
  ): Promise<Opened | undefined> {
    const part: Part = { ...slice, of: segmentLength(layout.size, number) };
    const response = await this.#edge.match(visit, keyOf(layout, number), part);
    return response?.body ? { stream: response.body, layer: "edge" } : undefined;
  }

  /** KV's record may have failed, or be of an older kind of deployment. */
  #recordIfLost({ layout, publishedAt }: Head, visit: Visit): void {
    if (visit.now - publishedAt > SHOWN) visit.later(this.#store.record(layout));
  }
}

function keyOf({ digest, generation }: Layout, number: number): string {
  return edgeSegmentKey(digest, generation, number);
}

function formOf(digest: Digest): Form<Layout> {
  return {
    encode: ({ digest: _, ...layout }) => ({
      bytes: new TextEncoder().encode(JSON.stringify(layout)),
      contentType: "application/json",
    }),
    decode: async (response) => ({
      ...((await response.json()) as Omit<Layout, "digest">),
      digest,
    }),
  };
}
