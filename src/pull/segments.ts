// A blob's segments in order, read from R2: of a published blob, or of one that is still arriving.

import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "../oci/error.ts";
import type { ByteRange } from "../oci/range.ts";
import type { Source } from "../policy/source.ts";
import type { Slice } from "../store/blobs.ts";
import { type Layout, SEGMENT, segmentCount, segmentLength } from "../store/segments.ts";
import { offline } from "../upstream/offline.ts";
import type { House } from "./house.ts";

/** How often a segment may turn out to be missing before the answer is broken off. */
const MOST_READS = 4;

/** Where the bytes come from. It begins as one of the two, and moves on to `layout` when the fill is verified. */
export interface Origin {
  layout?: Layout;
  /** A running attempt, and its size in bytes; null where the upstream did not tell it. */
  attempt?: { id: string; size: number | null };
}

export class Segments {
  readonly #house: House;
  readonly #source: Source;
  readonly #digest: Digest;
  #layout: Layout | undefined;
  #attempt: { id: string; size: number | null } | undefined;
  #ready = new Set<number>();

  constructor(house: House, source: Source, digest: Digest, origin: Origin) {
    this.#house = house;
    this.#source = source;
    this.#digest = digest;
    this.#layout = origin.layout;
    this.#attempt = origin.attempt;
  }

  get #size(): number | null {
    return this.#layout?.size ?? this.#attempt?.size ?? null;
  }

  /** Writes `range` of the blob. Rejects when the blob turns out not to be what it promised: the writable is then to
   * be aborted, so that the client sees a broken transfer.
   * @param range both ends inclusive; undefined for the whole, of whatever length
   * @param verified the last segment is not sent before the whole blob is verified
   * @param first segment 0, where it is open already */
  async writeTo(
    writable: WritableStream,
    range: ByteRange | undefined,
    verified: boolean,
    first?: ReadableStream,
  ): Promise<void> {
    const from = Math.floor((range?.first ?? 0) / SEGMENT);
    for (let number = from; !this.#isPast(number, range); number++) {
      const stream = number === 0 && first ? first : await this.#open(number, range, verified);
      if (stream) await stream.pipeTo(writable, { preventClose: true, preventAbort: true });
    }
  }

  #isPast(number: number, range: ByteRange | undefined): boolean {
    if (range) return number * SEGMENT > range.last;
    return this.#size !== null && number >= segmentCount(this.#size);
  }

  async #open(
    number: number,
    range: ByteRange | undefined,
    verified: boolean,
  ): Promise<ReadableStream | undefined> {
    for (let tries = 0; tries < MOST_READS; tries++) {
      if (!this.#layout) await this.#await(number, verified);
      const size = this.#size;
      if (size !== null && number >= segmentCount(size)) return undefined; // its length was not known before
      const slice = sliceOf(number, size ?? Number.POSITIVE_INFINITY, range);
      const stream = await this.#read(number, slice);
      if (stream) return stream;
      // Without a layout: published meanwhile, and the first segment has moved into the head.
      if (this.#layout) await this.#mend(this.#layout);
    }
    throw new RegistryError("UNAVAILABLE", `segment ${number} of ${this.#digest} cannot be read`);
  }

  #read(number: number, slice: Slice): Promise<ReadableStream | undefined> {
    if (this.#layout) return this.#house.blobs.segment(this.#layout, number, slice);
    const { id } = this.#attempt as { id: string };
    this.#ready.delete(number); // where it is gone, it is asked for again
    return this.#house.blobs.attemptSegment(this.#digest, id, number, slice);
  }

  /** Until the fill says that the segment can be sent. Of a blob of unknown length a segment can be the last one
   * until the next is there. */
  async #await(number: number, verified: boolean): Promise<void> {
    const { id, size } = this.#attempt as { id: string; size: number | null };
    const last = size !== null && number === segmentCount(size) - 1;
    const wanted = size === null && verified ? number + 1 : number;
    if (!(last && verified) && this.#ready.has(wanted)) return;
    const { fills } = this.#house;
    const news = await fills.waitFor(this.#digest, this.#source, id, wanted, last && verified);
    this.#layout = news.layout;
    for (const segment of news.segments) this.#ready.add(segment);
    if (size === null && verified) this.#ready.add(number);
  }

  /** R2 lacks a segment of a published blob: it becomes an attempt again, and this answer follows it. */
  async #mend(layout: Layout): Promise<void> {
    if (this.#source.rule.offline) throw offline(this.#source.rule, "BLOB_UNKNOWN");
    await this.#house.fills.mend(this.#source, layout);
    this.#attempt = { id: layout.attempt, size: layout.size };
    this.#layout = undefined;
    this.#ready = new Set();
  }
}

/** What of segment `number` belongs to the range; `size` is infinite where it is not known. */
function sliceOf(number: number, size: number, range: ByteRange | undefined): Slice {
  const start = number * SEGMENT;
  const length = segmentLength(size, number);
  const offset = Math.max(0, (range?.first ?? 0) - start);
  const end = Math.min(length, (range?.last ?? Number.POSITIVE_INFINITY) - start + 1);
  return { offset, length: end - offset };
}
