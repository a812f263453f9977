// Published blobs as a client's request reads them: the layout from near by, each segment from the edge or else from R2. A
// segment at the edge is of one generation, which the layout names: whatever was published or deleted since, no other is served.

import type { Digest } from "../oci/digest.ts";
import type { BlobStore, Head, Slice } from "./blobs.ts";
import { Claims } from "./claims.ts";
import type { EdgeCache, EdgePart } from "./edge.ts";
import { blobKvKey, edgeSegmentKey } from "./keys.ts";
import { type Form, type Found, JUST_FETCHED, type Near, USUAL } from "./near.ts";
import { type Layout, segmentLength } from "./segments.ts";
import type { Layer, ReadVisit } from "./visit.ts";

/** A segment, or a slice of one. */
export interface Opened {
  stream: ReadableStream;
  layer: Layer;
  /** The edge's key, where it is a copy. */
  copy?: string;
}

/** For how long segments may be kept, in s: their keys never mean anything else. */
const A_YEAR = 365 * 24 * 60 * 60;
/** For how long nobody of this isolate copies what somebody did, in ms. */
const COPIED = 60_000;
/** When KV shows everywhere what was written, in ms: what it lacks later was lost. */
const SHOWN = 5 * 60_000;
/** For how long KV's claim is taken without asking R2, behind the answer, whether it holds, in ms: somebody may have deleted objects
 * in R2 by hand, and KV may have refused a write. */
const CONFIRMED = 6 * 60 * 60_000;
/** For how long a record that this isolate has mended is left alone, in ms: KV shows it by then. */
const MENDED = 2 * 60_000;
const MOST_MENDING = 10_000;

export class NearBlobs {
  readonly #near: Near;
  readonly #edge: EdgeCache;
  readonly #store: BlobStore;
  /** Of records that are mended in KV, or have been. */
  readonly #mending = new Claims(MOST_MENDING);

  constructor(near: Near, edge: EdgeCache, store: BlobStore) {
    this.#near = near;
    this.#edge = edge;
    this.#store = store;
  }

  /** A claim where it is not R2's own: the blob may be gone since, or be published anew. */
  layout(digest: Digest, visit: ReadVisit): Promise<Found<Layout> | undefined> {
    return this.#near.get(blobKvKey(digest), formOf(digest), visit, async () => {
      const claim = await this.#claimed(digest, visit);
      if (claim) return claim;
      const head = await this.#store.head(digest);
      if (!head) return undefined;
      this.#recordIfLost(head, visit);
      return { value: head.layout, layer: "r2", seconds: secondsOf(head, visit) };
    });
  }

  /** The layout and the first segment; without the segment where that is missing or not as long as it must be. */
  async open(
    digest: Digest,
    visit: ReadVisit,
  ): Promise<{ layout: Layout; first?: Opened } | undefined> {
    const claimed = () => this.#claimed(digest, visit);
    const claim = await this.#near.get(blobKvKey(digest), formOf(digest), visit, claimed);
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

  /** Undefined where it is missing, or not as long as it must be: or the layout is not the blob's any more. */
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

  /** The layout as R2 has it now, whatever it was before; undefined where there is no such blob. */
  async reread(digest: Digest, before: Layout, visit: ReadVisit): Promise<Layout | undefined> {
    const head = await this.#store.head(digest);
    this.#settle(digest, before, head?.layout, visit);
    if (head) this.keep(head.layout, visit, secondsOf(head, visit));
    return head?.layout;
  }

  /** What a fill has just published. */
  keep(layout: Layout, visit: ReadVisit, seconds = JUST_FETCHED): void {
    this.#near.keep(blobKvKey(layout.digest), layout, formOf(layout.digest), visit, seconds);
  }

  forget(digest: Digest, visit: ReadVisit): void {
    this.#near.forget(blobKvKey(digest), true, visit);
  }

  /** A copy at the edge broke off while it was sent.
   * @param copy its key */
  dropCopy(copy: string, visit: ReadVisit): Promise<void> {
    return this.#edge.delete(visit, copy);
  }

  /** Whether a segment is to be copied to the edge: not where this isolate has done so lately. */
  claimCopy(layout: Layout, number: number, visit: ReadVisit): boolean {
    return layout.size > 0 && this.#edge.claim(visit, keyOf(layout, number), COPIED);
  }

  /** It was not copied: whoever comes next may. */
  unclaimCopy(layout: Layout, number: number, visit: ReadVisit): void {
    this.#edge.unclaim(visit, keyOf(layout, number));
  }

  /** Copies a segment from R2 to the edge, whole or not at all, unless another isolate has: in memory, for a while, as a whole.
   * @returns whether it was copied */
  async copy(layout: Layout, number: number, visit: ReadVisit): Promise<boolean> {
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
    return this.#edge.put(visit, key, { bytes, contentType, maxAge: A_YEAR });
  }

  async #claimed(digest: Digest, visit: ReadVisit): Promise<Found<Layout> | undefined> {
    const claim = await this.#store.records.get(digest);
    if (!claim) return undefined;
    const { layout, confirmedAt } = claim;
    const isConfirmed = visit.now - confirmedAt <= CONFIRMED;
    if (!isConfirmed) this.#mendRecord(digest, `old ${layout.generation}`, visit);
    return { value: layout, layer: "kv" };
  }

  /** Makes KV say what R2 says, behind the answer. The head is read once more after the write: should it have been deleted in
   * between, the record goes too.
   * @param why what was found, so that the same is not mended again by every request until KV shows it */
  #mendRecord(digest: Digest, why: string, visit: ReadVisit): void {
    if (!this.#mending.take(`${digest} ${why}`, visit.now, MENDED)) return;
    visit.later(this.#mendNow(digest, visit));
  }

  async #mendNow(digest: Digest, visit: ReadVisit): Promise<void> {
    const { records } = this.#store;
    try {
      const before = await this.#store.layout(digest);
      if (before) await records.put(before, Date.now());
      const after = before && (await this.#store.layout(digest));
      if (after) return this.keep(after, visit, USUAL);
      await records.delete(digest);
      this.forget(digest, visit);
    } catch (error) {
      // Whoever reads the claim later tries again.
      console.error(
        `entrepot: KV's record of ${digest} was not mended: ${(error as Error).message}`,
      );
    }
  }

  /** R2 has the last word: where it says otherwise than what was believed, KV's claim is mended. */
  #settle(digest: Digest, believed: Layout, actual: Layout | undefined, visit: ReadVisit): void {
    if (!actual) this.forget(digest, visit);
    if (actual?.generation === believed.generation) return;
    this.#mendRecord(digest, `not ${believed.generation}`, visit);
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

  /** KV may have refused it when the blob was published. */
  #recordIfLost({ layout, publishedAt }: Head, visit: ReadVisit): void {
    if (visit.now - publishedAt > SHOWN) this.#mendRecord(layout.digest, "lost", visit);
  }
}

/** For how long the edge keeps a layout that R2 told. */
function secondsOf({ publishedAt }: Head, visit: ReadVisit): number {
  return visit.now - publishedAt < 2 * JUST_FETCHED * 1000 ? JUST_FETCHED : USUAL;
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
    decode: async (response) => {
      const { size, attempt, generation, twin } = (await response.json()) as Partial<Layout>;
      if (size === undefined || !attempt || !generation) return undefined;
      return { digest, size, attempt, generation, ...(twin && { twin }) };
    },
    version: ({ generation, twin = "" }) => `${generation} ${twin}`,
  };
}
