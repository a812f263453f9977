// A blob's segments in order: of a published blob, from the edge or R2; of one that is still arriving, from R2.

import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "../oci/error.ts";
import type { ByteRange } from "../oci/range.ts";
import type { Source } from "../policy/source.ts";
import type { Slice } from "../store/blobs.ts";
import type { Opened } from "../store/near-blobs.ts";
import { type Layout, SEGMENT, segmentCount, segmentLength } from "../store/segments.ts";
import { offline } from "../upstream/client/offline.ts";
import { type CacheStatus, statusOf } from "./cache-status.ts";
import { permitStored } from "./permit.ts";
import type { Pull } from "./pull.ts";
import type { PullServices } from "./services.ts";

/** How often a segment may turn out to be missing before the answer is broken off. */
const MOST_READS = 4;

/** A request for a blob's bytes, and what it works with. */
export interface BlobRequest {
  services: PullServices;
  source: Source;
  digest: Digest;
  pull: Pull;
}

/** Where the bytes come from. It begins as one of the two, and moves on to `layout` when the fill is verified. */
export interface Origin {
  layout?: Layout;
  attempt?: Running;
}

/** A running attempt. */
interface Running {
  id: string;
  /** In bytes; null where the upstream did not tell it. */
  size: number | null;
  /** The repository is linked already; else it is once the blob is verified. */
  linked: boolean;
  /** The published blob that it is compared with: its segments are read, each once it is told to be ready. */
  compared?: Layout;
}

export class Segments {
  readonly #services: PullServices;
  readonly #source: Source;
  readonly #digest: Digest;
  readonly #pull: Pull;
  /** What of the blob is answered, both ends inclusive; undefined for the whole, of whatever length. */
  readonly #range: ByteRange | undefined;
  /** The last segment is not sent before the whole blob is verified. */
  readonly #verified: boolean;
  #layout: Layout | undefined;
  #attempt: Running | undefined;
  #ready = new Set<number>();
  #first: Opened | undefined;
  #mended = false;

  /** @param first segment 0, where it is open already */
  constructor(
    { services, source, digest, pull }: BlobRequest,
    { layout, attempt, first }: Origin & { first?: Opened },
    range: ByteRange | undefined,
  ) {
    this.#services = services;
    this.#source = source;
    this.#digest = digest;
    this.#pull = pull;
    this.#layout = layout;
    this.#attempt = attempt;
    this.#range = range;
    // An interior range during a fill is sent unverified, and clients verify what they put together; what reaches the
    // blob's end must not end cleanly before the whole is verified.
    this.#verified = !range || range.last + 1 === this.#size;
    if (first) this.#first = this.#noted(first, segmentLength(layout?.size ?? 0, 0));
  }

  /** Once the blob is published. */
  get layout(): Layout | undefined {
    return this.#layout;
  }

  /** The answer's first segment, where it is open already. */
  get first(): Opened | undefined {
    return this.#first;
  }

  /** In place of sending them. */
  close(): void {
    this.#first?.stream.cancel().catch(() => {}); // it was not needed
  }

  get #size(): number | null {
    return this.#layout?.size ?? this.#attempt?.size ?? null;
  }

  /** The number of the answer's first segment. */
  get from(): number {
    return Math.floor((this.#range?.first ?? 0) / SEGMENT);
  }

  /** Opens the first segment of a published blob, before anything is answered, and says where it is. Undefined where the blob
   * turns out not to be here: it was known to be by a claim, which was late. */
  async begin(): Promise<CacheStatus | undefined> {
    if (this.#first) return { hit: this.#first.layer };
    const layout = this.#layout as Layout;
    this.#first = await this.#read(this.from, this.#sliceOf(this.from, layout.size));
    if (this.#first) return { hit: this.#first.layer };
    this.#layout = await this.#services.blobs.reread(this.#digest, layout, this.#pull);
    if (!this.#layout) return undefined;
    this.#first = await this.open(this.from);
    return this.#mended ? statusOf("started") : this.#first && { hit: this.#first.layer };
  }

  /** Whether the answer ends before segment `number`. */
  isPast(number: number): boolean {
    if (this.#range) return number * SEGMENT > this.#range.last;
    return this.#size !== null && number >= segmentCount(this.#size);
  }

  /** How many bytes of segment `number` are answered; of a blob of unknown length, a whole segment's, until it is known. */
  lengthOf(number: number): number {
    return this.#sliceOf(number, this.#size ?? Number.POSITIVE_INFINITY).length;
  }

  /** Undefined where the blob, whose length was not known, has ended. */
  async open(number: number): Promise<Opened | undefined> {
    for (let tries = 0; tries < MOST_READS; tries++) {
      if (!this.#layout) await this.#await(number);
      const size = this.#size;
      if (size !== null && number >= segmentCount(size)) return undefined;
      const opened = await this.#read(
        number,
        this.#sliceOf(number, size ?? Number.POSITIVE_INFINITY),
      );
      if (opened) return opened;
      // Without a layout: published meanwhile, and the first segment has moved into the head.
      if (this.#layout) await this.#mend(this.#layout);
      else this.#ready.clear(); // what was told of the next one, too, says nothing now
    }
    throw new RegistryError("UNAVAILABLE", `segment ${number} of ${this.#digest} cannot be read`);
  }

  async #read(number: number, slice: Slice): Promise<Opened | undefined> {
    const { blobs } = this.#services;
    if (this.#layout) {
      const opened = await blobs.segment(this.#layout, number, slice, this.#pull);
      return opened && this.#noted(opened, slice.length);
    }
    const { id, compared } = this.#attempt as Running;
    const opened = compared
      ? await blobs.segment(compared, number, slice, this.#pull)
      : await blobs.attemptSegment(this.#digest, id, number, slice);
    return opened && this.#noted(opened, slice.length);
  }

  #noted(opened: Opened, bytes: number): Opened {
    this.#services.served.segment(opened.layer, bytes);
    return opened;
  }

  /** Until the fill says that the segment can be sent. Of a blob of unknown length a segment can be the last one
   * until the next is there, which may be stored before it. */
  async #await(number: number): Promise<void> {
    const verified = this.#verified;
    const { id, size, linked } = this.#attempt as Running;
    const last = size !== null && number === segmentCount(size) - 1;
    const whole = last && verified;
    const { fills } = this.#services;
    for (const wanted of size === null && verified ? [number, number + 1] : [number]) {
      if (!whole && this.#ready.has(wanted)) continue;
      const news = await fills.waitFor(this.#digest, this.#source, id, wanted, whole);
      if (news.layout) return this.#published(news.layout, linked);
      for (const segment of news.segments) this.#ready.add(segment);
    }
  }

  /** What is refused by its other digest, which is known only now, is broken off before its end. */
  async #published(layout: Layout, wasLinked: boolean): Promise<void> {
    await permitStored(this.#services, this.#source, layout, this.#pull);
    this.#layout = layout;
    this.#services.blobs.keep(layout, this.#pull);
    if (!wasLinked) this.#services.links.add(this.#source, this.#digest, this.#pull);
  }

  /** R2 lacks a segment of a published blob. It may have been published anew since the layout was told; else it becomes an
   * attempt again, and this answer follows it. */
  async #mend(layout: Layout): Promise<void> {
    const { blobs, fills } = this.#services;
    const now = await blobs.reread(layout.digest, layout, this.#pull);
    if (now && now.generation !== layout.generation) {
      this.#layout = now;
      return;
    }
    if (this.#source.rule.offline) throw offline(this.#source.rule, "BLOB_UNKNOWN");
    blobs.forget(layout.digest, this.#pull);
    await fills.mend(this.#source, layout);
    this.#mended = true;
    this.#attempt = { id: layout.attempt, size: layout.size, linked: true };
    this.#layout = undefined;
    this.#ready = new Set();
  }

  /** What of segment `number` belongs to the range; `size` is infinite where it is not known. */
  #sliceOf(number: number, size: number): Slice {
    const start = number * SEGMENT;
    const length = segmentLength(size, number);
    const offset = Math.max(0, (this.#range?.first ?? 0) - start);
    const end = Math.min(length, (this.#range?.last ?? Number.POSITIVE_INFINITY) - start + 1);
    return { offset, length: end - offset };
  }
}
