// Readers of upstream bodies: bounded in size, silence and total time.

import { RegistryError } from "../../oci/error.ts";
import { reasonOf } from "../../text/plain.ts";

/** Bounds of a body. Times are in ms: a body that arrives too slowly must not block the requests that share it. */
export interface Bounds {
  bytes: number;
  /** Maximum time between two chunks. */
  silence: number;
  /** Maximum time for the whole body. */
  time: number;
  /** For messages. */
  host?: string;
}

/** Reads a text of at most `bounds.bytes`; the rest is neither read nor returned. Throws as readBounded does. */
export async function readText(response: Response, bounds: Bounds): Promise<string> {
  const bytes = await readBounded(response, bounds);
  return new TextDecoder().decode(bytes.subarray(0, bounds.bytes));
}

/** Reads the body; a result longer than `bounds.bytes` means that it was cut off. Throws UNAVAILABLE: 502 where the
 * connection breaks, 504 on a timeout. */
export async function readBounded(response: Response, bounds: Bounds): Promise<Uint8Array> {
  const reader = response.body?.getReader();
  if (!reader) return new Uint8Array(0);
  const end = Date.now() + bounds.time;
  const pieces: Uint8Array[] = [];
  let size = 0;
  while (size <= bounds.bytes) {
    const value = await readWithin(reader, bounds, end - Date.now());
    if (!value) break;
    pieces.push(value);
    size += value.byteLength;
  }
  if (size > bounds.bytes) await reader.cancel();
  return concatenate(pieces, size);
}

async function readWithin(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  { silence, time, host = "the upstream" }: Bounds,
  left: number,
): Promise<Uint8Array | undefined> {
  let late = false;
  const timer = setTimeout(
    () => {
      late = true;
      reader.cancel().catch(() => {}); // ends the read below, which reports the timeout
    },
    Math.max(0, Math.min(silence, left)),
  );
  try {
    const { done, value } = await reader.read();
    if (!late) return done ? undefined : value;
  } catch (error) {
    if (!late)
      console.warn(`entrepot: the connection broke in the middle of an answer: ${reasonOf(error)}`);
    if (!late)
      throw new RegistryError(
        "UNAVAILABLE",
        `${host} closed the connection before the end of its answer`,
      );
  } finally {
    clearTimeout(timer);
  }
  const what =
    left < silence
      ? `did not complete its answer within ${time} ms`
      : `sent nothing for ${silence} ms`;
  throw new RegistryError("UNAVAILABLE", `${host} ${what}`, { status: 504 });
}

function concatenate(pieces: readonly Uint8Array[], size: number): Uint8Array {
  const whole = new Uint8Array(size);
  let offset = 0;
  for (const piece of pieces) {
    whole.set(piece, offset);
    offset += piece.byteLength;
  }
  return whole;
}

/** Bytes per read. Larger reads save calls (guide/platform, "Notes on the runtime"), one of which costs a copy. */
const READ_SIZE = 256 * 1024;

/** A buffer, and the number of bytes in it. */
export interface Partial {
  buffer: Uint8Array;
  have: number;
}

/** Minimum transfer rate, in bytes per second: a slower transfer counts as silent, and is better retried on another
 * connection. */
const MIN_RATE = 512;

/** How a body's transfer is watched. */
export interface Watched {
  /** Maximum silence, in ms. */
  readonly silence: number;
  /** For messages. */
  readonly host: string;
  /** Ends the transfer. */
  readonly abort: AbortController;
  /** Called with the size of each chunk, in bytes. */
  moved?(bytes: number): void;
}

/** A body that is read into the reader's own buffers, and fails when it is silent or too slow. */
export class TimedBody {
  readonly #reader: ReadableStreamBYOBReader | undefined;
  readonly #watched: Watched;
  /** When the minimum rate was last reached, and the bytes received since. */
  #enoughAt = Date.now();
  #since = 0;
  #piece: ArrayBufferLike = new ArrayBuffer(READ_SIZE);
  #rest: Uint8Array = new Uint8Array(0);

  constructor(response: Response, watched: Watched) {
    this.#reader = response.body?.getReader({ mode: "byob" });
    this.#watched = watched;
  }

  /** Reads until the buffer is full or the body ends. The bytes received are in `partial`, also when the connection
   * breaks. */
  async fill(partial: Partial): Promise<void> {
    const { buffer } = partial;
    // The time during which the body was not being read does not count.
    this.#enoughAt = Date.now();
    while (partial.have < buffer.byteLength) {
      if (this.#rest.byteLength === 0 && !(await this.#more())) return;
      const piece = this.#rest.subarray(0, buffer.byteLength - partial.have);
      buffer.set(piece, partial.have);
      this.#rest = this.#rest.subarray(piece.byteLength);
      partial.have += piece.byteLength;
    }
  }

  async #more(): Promise<boolean> {
    if (!this.#reader) return false;
    let silent = false;
    const timer = setTimeout(() => {
      silent = true;
      this.cancel();
    }, this.#left());
    try {
      const { done, value } = await this.#reader.read(new Uint8Array(this.#piece));
      if (value) this.#piece = value.buffer;
      if (done) return false;
      this.#rest = value;
      this.#count(value.byteLength);
      return true;
    } catch (error) {
      if (!silent) throw error;
      const { host, silence } = this.#watched;
      const message = `${host} sent nothing or almost nothing for ${silence} ms`;
      throw new RegistryError("UNAVAILABLE", message, { status: 504 });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Time left to reach the minimum rate, in ms. */
  #left(): number {
    return Math.max(0, this.#enoughAt + this.#watched.silence - Date.now());
  }

  #count(bytes: number): void {
    this.#watched.moved?.(bytes);
    this.#since += bytes;
    if (this.#since < (MIN_RATE * this.#watched.silence) / 1000) return;
    this.#since = 0;
    this.#enoughAt = Date.now();
  }

  /** Ends the transfer: a body that is not read to its end holds its connection. */
  cancel(): void {
    this.#watched.abort.abort();
  }
}
