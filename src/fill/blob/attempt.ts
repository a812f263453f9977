// Attempt at one blob: which of its segments are stored, and their hash in order. Attempts never mix: starting over
// means a new attempt, under other keys.

import { type Digest, hexOf } from "../../oci/digest.ts";
import { TwinHash } from "../../oci/hash.ts";
import { segmentCount, segmentLength } from "../../store/segments.ts";
import type { Signal } from "../shared/signal.ts";
import { Mismatch, type RunStore } from "./run-store.ts";

/** State stored before the first segment, so that the attempt can be resumed after a reset of the object. */
export interface Plan {
  attempt: string;
  /** Size in bytes; null while the upstream has not told it. */
  size: number | null;
}

/** The blob, where its segments are stored, and who is notified of them. */
export interface AttemptContext {
  readonly digest: Digest;
  readonly blobs: RunStore;
  readonly signal: Signal;
}

/** Maximum segments reported in one answer: few, so that a follower's requests show how far it has read. */
const MAX_REPORTED = 2;
/** Time in ms without a request after which a follower counts as slow or gone, and puts no longer yield to it. */
const FOLLOWER_TIMEOUT = 5000;
/** Pause between two puts in ms while a follower reads: an eighth of a put in production, and long enough to read
 * segments. */
const PUT_PAUSE = 50;

/** Bytes per read when stored segments are read back for hashing (guide/platform, "Notes on the runtime"). */
const READ_SIZE = 1024 * 1024;

export class Attempt {
  readonly digest: Digest;
  readonly id: string;
  size: number | null;
  /** Whether the upstream serves segments in any order. */
  ranges: boolean;
  readonly ready = new Set<number>();
  readonly #blobs: RunStore;
  readonly #signal: Signal;
  readonly #taken = new Set<number>();
  readonly #wanted = new Set<number>();
  #hash: TwinHash;
  #lowest = 0;
  /** Highest segment requested by a follower, and when. */
  #followed = -1;
  #followedAt = 0;
  /** Running puts, and when the last one ended. */
  #puts = 0;
  #putAt = 0;
  #hashed = 0;
  #catchingUp: Promise<void> | undefined;

  constructor({ digest, blobs, signal }: AttemptContext, plan: Plan, ranges: boolean) {
    this.digest = digest;
    this.id = plan.attempt;
    this.size = plan.size;
    this.ranges = ranges;
    this.#blobs = blobs;
    this.#signal = signal;
    this.#hash = new TwinHash(digest);
  }

  /** Adopts segments that an earlier incarnation of the object stored; those of the wrong length are deleted. */
  async recover(): Promise<void> {
    for (const [number, bytes] of await this.#blobs.storedSegments(this.digest, this.id)) {
      if (this.size === null || bytes !== segmentLength(this.size, number)) {
        await this.#blobs.deleteSegment(this.digest, this.id, number);
        continue;
      }
      this.ready.add(number);
      this.#taken.add(number);
    }
    this.#catchUp();
  }

  get count(): number | undefined {
    return this.size === null ? undefined : segmentCount(this.size);
  }

  /** Gives a segment priority because a follower waits for it. */
  want(number: number): void {
    if (!this.ready.has(number)) this.#wanted.add(number);
  }

  /** Consecutive ready segments from `number` on, for a follower. */
  readyFrom(number: number): number[] {
    if (number > this.#followed) {
      this.#followed = number;
      this.#followedAt = Date.now();
      this.#signal.notify();
    }
    const segments: number[] = [];
    for (let at = number; this.ready.has(at) && segments.length < MAX_REPORTED; at++)
      segments.push(at);
    return segments;
  }

  /** Takes the next segment to fetch: one that a follower waits for, else the lowest; undefined if all are taken. */
  take(): number | undefined {
    const count = this.count ?? 0;
    for (const number of [...this.#wanted].sort((a, b) => a - b)) {
      this.#wanted.delete(number);
      if (number < count && !this.#taken.has(number)) return this.#mark(number);
    }
    const lowest = this.#lowestUntaken();
    return lowest < count ? this.#mark(lowest) : undefined;
  }

  #lowestUntaken(): number {
    while (this.#taken.has(this.#lowest)) this.#lowest += 1;
    return this.#lowest;
  }

  /** The lowest segment not taken; does not take it. */
  peek(): number | undefined {
    const number = this.#lowestUntaken();
    return this.count === undefined || number < this.count ? number : undefined;
  }

  #mark(number: number): number {
    this.#taken.add(number);
    return number;
  }

  /** Returns a segment that was taken but not fetched, for another lane. */
  giveBack(number: number): void {
    this.#taken.delete(number);
    this.#lowest = Math.min(this.#lowest, number);
  }

  takeThis(number: number): void {
    this.#mark(number);
  }

  /** Stores a segment. If it is next in order it is hashed from memory, otherwise it is read back later. */
  async keep(number: number, bytes: Uint8Array): Promise<void> {
    const written = await this.#put(number, bytes);
    // A segment that was there already was written by a dead incarnation: the stored bytes count.
    if (written && number === this.#hashed && !this.#catchingUp) {
      this.#hash.update(bytes);
      this.#hashed += 1;
    }
    this.ready.add(number);
    this.#signal.notify();
    this.#catchUp();
  }

  /** Stores a segment. While the fastest follower has segments to read, puts run one at a time with a pause between
   * them, as puts in a row take the CPU from it (on one thread, as in local runs, nearly all of it). While it waits for
   * more, puts run in parallel, one per lane. */
  async #put(number: number, bytes: Uint8Array): Promise<boolean> {
    while (this.#isReading()) {
      const left = this.#puts > 0 ? FOLLOWER_TIMEOUT : this.#putAt + PUT_PAUSE - Date.now();
      if (left <= 0) break;
      await this.#signal.within(left);
    }
    this.#puts += 1;
    try {
      return await this.#blobs.putSegment(this.digest, this.id, number, bytes);
    } finally {
      this.#puts -= 1;
      this.#putAt = Date.now();
      this.#signal.notify();
    }
  }

  #isReading(): boolean {
    return this.ready.has(this.#followed) && Date.now() - this.#followedAt < FOLLOWER_TIMEOUT;
  }

  #catchUp(): void {
    if (this.#catchingUp || !this.ready.has(this.#hashed)) return;
    const work = this.#readBack();
    this.#catchingUp = work;
    const idle = () => {
      this.#catchingUp = undefined;
    };
    // verify() meets the same failure when it reads the segment again.
    work.then(idle, idle);
  }

  async #readBack(): Promise<void> {
    while (this.ready.has(this.#hashed)) {
      const stream = await this.#blobs.attemptSegment(this.digest, this.id, this.#hashed);
      if (!stream) throw new Error(`segment ${this.#hashed} of ${this.digest} is missing in R2`);
      // Hashed into a copy that is kept only after the whole segment was read, so that a failed read can be repeated.
      const hash = this.#hash.copy();
      const reader = stream.getReader({ mode: "byob" });
      let piece = new Uint8Array(READ_SIZE);
      for (;;) {
        const read = await reader.readAtLeast(READ_SIZE, piece);
        if (read.value) hash.update(read.value);
        if (read.done || !read.value) break;
        piece = new Uint8Array(read.value.buffer as ArrayBuffer);
      }
      this.#hash = hash;
      this.#hashed += 1;
    }
  }

  /** Throws a Mismatch unless all segments together hash to the digest.
   * @returns their digest by the other algorithm */
  async verify(): Promise<Digest> {
    await this.#catchingUp?.catch(() => {}); // read again below, where a failure counts
    await this.#readBack();
    const { hex, twin } = this.#hash.end();
    if (this.#hashed !== this.count || hex !== hexOf(this.digest)) {
      throw new Mismatch(
        `received ${this.size} bytes for ${this.digest}, but their hash is ${hex}`,
      );
    }
    return twin;
  }
}
