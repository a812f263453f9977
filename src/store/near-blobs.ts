// Near blobs: reads published blobs for client requests, the layout from the nearest copy and each segment from the edge cache, else R2. A
// segment in the edge cache belongs to one generation, which the layout names, so that no other is served after a deletion or publication.

import type { Digest } from "../oci/digest.ts";
import type { BlobStore, Head, Slice } from "./blobs.ts";
import { Claims } from "./claims.ts";
import type { EdgeCache, EdgePart } from "./edge.ts";
import { blobKvKey, edgeSegmentKey } from "./keys.ts";
import { type Form, type Found, JUST_FETCHED, type Near, type NearKey, USUAL } from "./near.ts";
import { type Layout, segmentLength } from "./segments.ts";
import type { Layer, ReadVisit } from "./visit.ts";

/** A segment, or a slice of one. */
export interface Opened {
  stream: ReadableStream;
  layer: Layer;
  /** Key in the edge cache, if it is a copy from there. */
  copy?: string;
}

/** How long the edge cache keeps segments, in s: the value of their keys never changes. */
const A_YEAR = 365 * 24 * 60 * 60;
/** How long this isolate does not copy a segment again, in ms. */
const COPY_PAUSE = 60_000;
/** Time after which KV shows a write everywhere, in ms; a record that is missing later was lost. */
const PROPAGATION = 5 * 60_000;
/** How long a record in KV is trusted before it is compared with R2 in the background, in ms: objects may have been deleted from R2 by
 * hand, and KV may have refused a write. */
const CONFIRMED = 6 * 60 * 60_000;
/** How long this isolate does not repair a record again, in ms: KV shows the repair by then. */
const REPAIR_PAUSE = 2 * 60_000;
/** Maximum number of claims of repairs in an isolate. */
const MAX_REPAIRS = 10_000;

export class NearBlobs {
  readonly #near: Near;
  readonly #edge: EdgeCache;
  readonly #store: BlobStore;
  /** Claims of records to repair in KV. */
  readonly #repairs = new Claims(MAX_REPAIRS);

  constructor(near: Near, edge: EdgeCache, store: BlobStore) {
    this.#near = near;
    this.#edge = edge;
    this.#store = store;
  }

  /** The layout. Unless it is R2's own it may be outdated: the blob may have been deleted or published again. */
  layout(digest: Digest, visit: ReadVisit): Promise<Found<Layout> | undefined> {
    return this.#near.get(nearKey(digest), visit, async () => {
      const claim = await this.#claimed(digest, visit);
      if (claim) return claim;
      const head = await this.#store.head(digest);
      if (!head) return undefined;
      this.#recordIfLost(head, visit);
      return { value: head.layout, layer: "r2", seconds: secondsOf(head, visit) };
    });
  }

  /** The layout and the first segment; leaves out the segment if it is missing or its length is wrong. */
  async open(
    digest: Digest,
    visit: ReadVisit,
  ): Promise<{ layout: Layout; first?: Opened } | undefined> {
    const claimed = () => this.#claimed(digest, visit);
    const claim = await this.#near.get(nearKey(digest), visit, claimed);
    if (claim) {
      const first = await this.#nearFirst(claim, visit);
      if (first) return { layout: claim.value, first };
    }
    const opened = await this.#store.open(digest);
    if (claim) this.#settle(digest, claim.value, opened?.layout, visit);
    if (!opened) return undefined;
    const { layout, first } = opened;
    this.keep(layout, visit, secondsOf(opened, visit));
    if (!claim) this.#recordIfLost(opened, visit);
    return { layout, ...(first && { first: { stream: first, layer: "r2" } }) };
  }

  async #nearFirst({ value, layer }: Found<Layout>, visit: ReadVisit): Promise<Opened | undefined> {
    const length = segmentLength(value.size, 0);
    if (length === 0) return { stream: new Blob([]).stream(), layer };
    return this.#atEdge(value, 0, { offset: 0, length }, visit);
  }

  /** Undefined if the segment is missing or its length is wrong, or if the layout is outdated. */
  async segment(
    layout: Layout,
    number: number,
    slice: Slice,
    visit: ReadVisit,
  ): Promise<Opened | undefined> {
    const near = await this.#atEdge(layout, number, slice, visit);
    if (near) return near;
    const stream = await this.#store.segment(layout, number, slice);
    return stream && { stream, layer: "r2" };
  }

  /** A segment of a running attempt; undefined if it is not stored, or no longer. */
  async attemptSegment(
    digest: Digest,
    attempt: string,
    number: number,
    slice: Slice,
  ): Promise<Opened | undefined> {
    const stream = await this.#store.attemptSegment(digest, attempt, number, slice);
    return stream && { stream, layer: "r2" };
  }

  /** The current layout from R2; undefined if the blob does not exist. @param before the layout assumed so far */
  async reread(digest: Digest, before: Layout, visit: ReadVisit): Promise<Layout | undefined> {
    const head = await this.#store.head(digest);
    this.#settle(digest, before, head?.layout, visit);
    if (head) this.keep(head.layout, visit, secondsOf(head, visit));
    return head?.layout;
  }

  /** Keeps the layout of a blob that a fill has just published. */
  keep(layout: Layout, visit: ReadVisit, seconds = JUST_FETCHED): void {
    this.#near.keep(nearKey(layout.digest), layout, visit, seconds);
  }

  forget(digest: Digest, visit: ReadVisit): void {
    this.#near.forget(nearKey(digest), visit);
  }

  /** Deletes a copy in the edge cache that broke off while it was sent.
   * @param copy its key */
  dropCopy(copy: string, visit: ReadVisit): Promise<void> {
    return this.#edge.delete(visit, copy);
  }

  /** Whether the caller should copy a segment to the edge cache: false if this isolate recently has. */
  claimCopy(layout: Layout, number: number, visit: ReadVisit): boolean {
    return layout.size > 0 && this.#edge.claim(visit, keyOf(layout, number), COPY_PAUSE);
  }

  /** Gives back a claim whose segment was not copied. */
  unclaimCopy(layout: Layout, number: number, visit: ReadVisit): void {
    this.#edge.unclaim(visit, keyOf(layout, number));
  }

  /** Copies a whole segment from R2 to the edge cache, through memory, unless another isolate has.
   * @returns whether it was copied */
  async copy(layout: Layout, number: number, visit: ReadVisit): Promise<boolean> {
    const key = keyOf(layout, number);
    const length = segmentLength(layout.size, number);
    const part = { offset: 0, length, of: length };
    const existing = await this.#edge.match(visit, key, part);
    if (existing) {
      await existing.body?.cancel();
      return false;
    }
    const bytes = await this.#store.wholeSegment(layout, number);
    if (bytes?.byteLength !== length) return false;
    const contentType = "application/octet-stream";
    return this.#edge.put(visit, key, { bytes, contentType, maxAge: A_YEAR });
  }

  async #claimed(digest: Digest, visit: ReadVisit): Promise<Found<Layout> | undefined> {
    const claim = await this.#store.records.get(digest);
    if (!claim) return undefined;
    const { layout, confirmedAt } = claim;
    const isConfirmed = visit.now - confirmedAt <= CONFIRMED;
    if (!isConfirmed) this.#repairRecord(digest, `old ${layout.generation}`, visit);
    return { value: layout, layer: "kv" };
  }

  /** Makes KV's record match R2, in the background. The head is read again after the write, and the record deleted if the head has been.
   * @param why the difference found, so that not every request repairs it again until KV shows the repair */
  #repairRecord(digest: Digest, why: string, visit: ReadVisit): void {
    if (!this.#repairs.take(`${digest} ${why}`, visit.now, REPAIR_PAUSE)) return;
    visit.later(this.#repairNow(digest, visit));
  }

  async #repairNow(digest: Digest, visit: ReadVisit): Promise<void> {
    const { records } = this.#store;
    try {
      const before = await this.#store.layout(digest);
      if (before) await records.put(before, Date.now());
      const after = before && (await this.#store.layout(digest));
      if (after) return this.keep(after, visit, USUAL);
      await records.delete(digest);
      this.forget(digest, visit);
    } catch (error) {
      // A later reader of the record tries again.
      console.error(
        `entrepot: KV's record of ${digest} was not repaired: ${(error as Error).message}`,
      );
    }
  }

  /** Compares an assumed layout with R2's, which is authoritative, and repairs KV's record if they differ. */
  #settle(digest: Digest, assumed: Layout, actual: Layout | undefined, visit: ReadVisit): void {
    if (!actual) this.forget(digest, visit);
    if (actual?.generation === assumed.generation) return;
    this.#repairRecord(digest, `not ${assumed.generation}`, visit);
  }

  async #atEdge(
    layout: Layout,
    number: number,
    slice: Slice,
    visit: ReadVisit,
  ): Promise<Opened | undefined> {
    const part: EdgePart = { ...slice, of: segmentLength(layout.size, number) };
    const copy = keyOf(layout, number);
    const response = await this.#edge.match(visit, copy, part);
    return response?.body ? { stream: response.body, layer: "edge", copy } : undefined;
  }

  /** Writes KV's record if it is missing though the blob is not new: KV may have refused it. */
  #recordIfLost({ layout, publishedAt }: Head, visit: ReadVisit): void {
    if (visit.now - publishedAt > PROPAGATION) this.#repairRecord(layout.digest, "lost", visit);
  }
}

/** How long the edge cache keeps a layout from R2, in s. */
function secondsOf({ publishedAt }: Head, visit: ReadVisit): number {
  return visit.now - publishedAt < 2 * JUST_FETCHED * 1000 ? JUST_FETCHED : USUAL;
}

function keyOf({ digest, generation }: Layout, number: number): string {
  return edgeSegmentKey(digest, generation, number);
}

function nearKey(digest: Digest): NearKey<Layout> {
  return { key: blobKvKey(digest), form: formOf(digest) };
}

function formOf(digest: Digest): Form<Layout> {
  return {
    encode: ({ digest: _, ...layout }) => ({
      bytes: new TextEncoder().encode(JSON.stringify(layout)),
      contentType: "application/json",
    }),
    decode: async (response) => {
      const { size, attempt, generation, twin } = (await response.json()) as Partial<Layout>;
      if (size === undefined || !attempt || !generation) return undefined;
      return { digest, size, attempt, generation, ...(twin && { twin }) };
    },
    version: ({ generation, twin = "" }) => `${generation} ${twin}`,
  };
}
