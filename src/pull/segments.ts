// Segments of a blob, in order: of a published blob from the edge cache or R2, of a running fill from R2.

import { RegistryError } from "../oci/error.ts";
import type { ByteRange } from "../oci/range.ts";
import type { Slice } from "../store/blobs.ts";
import type { Opened } from "../store/near-blobs.ts";
import { type Layout, SEGMENT, segmentCount, segmentLength } from "../store/segments.ts";
import { offline } from "../upstream/client/offline.ts";
import { type CacheStatus, statusOf } from "./cache-status.ts";
import { permitStored } from "./permit.ts";
import type { DigestRequest } from "./request.ts";

/** Maximum number of reads of one segment before the transfer is aborted. */
const MAX_READS = 4;

/** Where the bytes come from: a layout or an attempt at first, and the layout once the fill is verified. */
export interface Origin {
  layout?: Layout;
  attempt?: RunningAttempt;
}

/** A running attempt. */
interface RunningAttempt {
  id: string;
  /** In bytes; null where the upstream did not report it. */
  size: number | null;
  /** Whether the repository is linked already. Otherwise it is linked once the blob is verified. */
  linked: boolean;
  /** The published blob that a comparing fill checks against: its segments are read, each once the fill reports it as ready. */
  compared?: Layout;
}

export class Segments {
  readonly #request: DigestRequest;
  /** The part of the blob to send, both ends inclusive; undefined for the whole blob, of whatever length. */
  readonly #range: ByteRange | undefined;
  /** The last segment is held back until the whole blob is verified. */
  readonly #verified: boolean;
  #layout: Layout | undefined;
  #attempt: RunningAttempt | undefined;
  #ready = new Set<number>();
  #first: Opened | undefined;
  #mended = false;

  /** @param first segment 0, if it is already open */
  constructor(
    request: DigestRequest,
    { layout, attempt, first }: Origin & { first?: Opened },
    range: ByteRange | undefined,
  ) {
    this.#request = request;
    this.#layout = layout;
    this.#attempt = attempt;
    this.#range = range;
    // An interior range is sent unverified during a fill, since clients verify what they assemble. A response that reaches the
    // blob's end must not end cleanly before the blob is verified.
    this.#verified = !range || range.last + 1 === this.#size;
    if (first) this.#first = this.#noted(first, segmentLength(layout?.size ?? 0, 0));
  }

  /** Set once the blob is published. */
  get layout(): Layout | undefined {
    return this.#layout;
  }

  /** The response's first segment, if it is already open. */
  get first(): Opened | undefined {
    return this.#first;
  }

  /** Releases the open segment when nothing will be sent. */
  close(): void {
    this.#first?.stream.cancel().catch(() => {}); // not needed
  }

  get #size(): number | null {
    return this.#layout?.size ?? this.#attempt?.size ?? null;
  }

  /** The number of the response's first segment. */
  get from(): number {
    return Math.floor((this.#range?.first ?? 0) / SEGMENT);
  }

  /** Opens the first segment of a published blob before response headers are sent, and says where it is. Undefined if a stale
   * layout named a blob that is no longer stored. */
  async begin(): Promise<CacheStatus | undefined> {
    if (this.#first) return { hit: this.#first.layer };
    const layout = this.#layout as Layout;
    this.#first = await this.#read(this.from, this.#sliceOf(this.from, layout.size));
    if (this.#first) return { hit: this.#first.layer };
    const { services, digest, pull } = this.#request;
    this.#layout = await services.blobs.reread(digest, layout, pull);
    if (!this.#layout) return undefined;
    this.#first = await this.open(this.from);
    return this.#mended ? statusOf("started") : this.#first && { hit: this.#first.layer };
  }

  /** Whether the response ends before segment `number`. */
  isPast(number: number): boolean {
    if (this.#range) return number * SEGMENT > this.#range.last;
    return this.#size !== null && number >= segmentCount(this.#size);
  }

  /** Number of bytes of segment `number` to send; a whole segment while the blob's length is unknown. */
  lengthOf(number: number): number {
    return this.#sliceOf(number, this.#size ?? Number.POSITIVE_INFINITY).length;
  }

  /** Opens segment `number`; undefined if the blob, whose length was unknown, has ended. */
  async open(number: number): Promise<Opened | undefined> {
    for (let tries = 0; tries < MAX_READS; tries++) {
      if (!this.#layout) await this.#waitFor(number);
      const size = this.#size;
      if (size !== null && number >= segmentCount(size)) return undefined;
      const opened = await this.#read(
        number,
        this.#sliceOf(number, size ?? Number.POSITIVE_INFINITY),
      );
      if (opened) return opened;
      // Without a layout, the blob was published meanwhile and its first segment moved into the head object.
      if (this.#layout) await this.#mend(this.#layout);
      else this.#ready.clear(); // readiness reported earlier is no longer valid
    }
    throw new RegistryError(
      "UNAVAILABLE",
      `segment ${number} of ${this.#request.digest} cannot be read`,
    );
  }

  async #read(number: number, slice: Slice): Promise<Opened | undefined> {
    const { services, digest, pull } = this.#request;
    const { blobs } = services;
    if (this.#layout) {
      const opened = await blobs.segment(this.#layout, number, slice, pull);
      return opened && this.#noted(opened, slice.length);
    }
    const { id, compared } = this.#attempt as RunningAttempt;
    const opened = compared
      ? await blobs.segment(compared, number, slice, pull)
      : await blobs.attemptSegment(digest, id, number, slice);
    return opened && this.#noted(opened, slice.length);
  }

  #noted(opened: Opened, bytes: number): Opened {
    this.#request.services.served.segment(opened.layer, bytes);
    return opened;
  }

  /** Waits until the fill reports the segment as ready to send. While the length is unknown, a segment may be the last one until
   * the next exists, which may be stored before it. */
  async #waitFor(number: number): Promise<void> {
    const verified = this.#verified;
    const { id, size, linked } = this.#attempt as RunningAttempt;
    const last = size !== null && number === segmentCount(size) - 1;
    const whole = last && verified;
    const { services, source, digest } = this.#request;
    for (const wanted of size === null && verified ? [number, number + 1] : [number]) {
      if (!whole && this.#ready.has(wanted)) continue;
      const ready = await services.fills.waitFor(digest, source, id, wanted, whole);
      if (ready.layout) return this.#published(ready.layout, linked);
      for (const segment of ready.segments) this.#ready.add(segment);
    }
  }

  /** Aborts the transfer before its end if the blob is denied by its other digest, which is known only now. */
  async #published(layout: Layout, wasLinked: boolean): Promise<void> {
    const { services, source, digest, pull } = this.#request;
    await permitStored(this.#request, layout);
    this.#layout = layout;
    services.blobs.keep(layout, pull);
    if (!wasLinked) services.links.add(source, digest, pull);
  }

  /** Handles a segment missing from R2. Either the blob was published anew since its layout was read, or it becomes a running
   * attempt again, which this response then follows. */
  async #mend(layout: Layout): Promise<void> {
    const { services, source, pull } = this.#request;
    const { blobs, fills } = services;
    const now = await blobs.reread(layout.digest, layout, pull);
    if (now && now.generation !== layout.generation) {
      this.#layout = now;
      return;
    }
    if (source.rule.offline) throw offline(source.rule, "BLOB_UNKNOWN");
    blobs.forget(layout.digest, pull);
    await fills.mend(source, layout);
    this.#mended = true;
    this.#attempt = { id: layout.attempt, size: layout.size, linked: true };
    this.#layout = undefined;
    this.#ready = new Set();
  }

  /** The part of segment `number` that lies within the range; `size` is infinite where unknown. */
  #sliceOf(number: number, size: number): Slice {
    const start = number * SEGMENT;
    const length = segmentLength(size, number);
    const offset = Math.max(0, (this.#range?.first ?? 0) - start);
    const end = Math.min(length, (this.#range?.last ?? Number.POSITIVE_INFINITY) - start + 1);
    return { offset, length: end - offset };
  }
}
