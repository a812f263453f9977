// Reading the bodies that upstreams send: bounded in size and in silence.

import { RegistryError } from "../oci/error.ts";

/** At most `limit` bytes of a text; what is longer is cut off and the rest not read.
 * @param silence see readBounded */
export async function readText(
  response: Response,
  limit: number,
  silence: number,
  host?: string,
): Promise<string> {
  const bytes = await readBounded(response, limit, silence, host);
  return new TextDecoder().decode(bytes.subarray(0, limit));
}

/** The body, or its first bytes: a result longer than `limit` means that there was more. Throws UNAVAILABLE: 502 where
 * the connection breaks, 504 where nothing comes for `silence` ms. */
export async function readBounded(
  response: Response,
  limit: number,
  silence: number,
  host = "the upstream",
): Promise<Uint8Array> {
  const reader = response.body?.getReader();
  if (!reader) return new Uint8Array(0);
  const pieces: Uint8Array[] = [];
  let size = 0;
  while (size <= limit) {
    const value = await readWithin(reader, silence, host);
    if (!value) break;
    pieces.push(value);
    size += value.byteLength;
  }
  if (size > limit) await reader.cancel();
  return concatenate(pieces, size);
}

async function readWithin(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  silence: number,
  host: string,
): Promise<Uint8Array | undefined> {
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    reader.cancel().catch(() => {}); // ends the read below, which tells
  }, silence);
  try {
    const { done, value } = await reader.read();
    if (!late) return done ? undefined : value;
  } catch (error) {
    if (!late) console.warn(`entrepot: an answer broke off: ${(error as Error).message}`);
    if (!late) throw new RegistryError("UNAVAILABLE", `${host} broke off its answer`);
  } finally {
    clearTimeout(timer);
  }
  throw new RegistryError("UNAVAILABLE", `${host} sent nothing for ${silence} ms`, {
    status: 504,
  });
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

/** How much is read at once: larger pieces save calls (PLATFORM: hashing), and one is lost to a copy. */
const PIECE = 256 * 1024;

/** A buffer and how full it is. */
export interface Partial {
  buffer: Uint8Array;
  have: number;
}

/** A body that is read into buffers of the reader's own, and that fails when it falls silent. */
export class TimedBody {
  readonly #reader: ReadableStreamBYOBReader | undefined;
  readonly #silence: number;
  readonly #host: string;
  readonly #abort: AbortController;
  #piece: ArrayBufferLike = new ArrayBuffer(PIECE);
  #rest: Uint8Array = new Uint8Array(0);

  constructor(response: Response, silence: number, host: string, abort: AbortController) {
    this.#reader = response.body?.getReader({ mode: "byob" });
    this.#silence = silence;
    this.#host = host;
    this.#abort = abort;
  }

  /** Reads until the buffer is full or the body ends. What has come is in `partial`, also when the connection breaks. */
  async fill(partial: Partial): Promise<void> {
    const { buffer } = partial;
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
      this.#abort.abort();
    }, this.#silence);
    try {
      const { done, value } = await this.#reader.read(new Uint8Array(this.#piece));
      if (value) this.#piece = value.buffer;
      if (done) return false;
      this.#rest = value;
      return true;
    } catch (error) {
      if (!silent) throw error;
      throw new RegistryError("UNAVAILABLE", `${this.#host} sent nothing for ${this.#silence} ms`, {
        status: 504,
      });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends the transfer: a body that is not read to its end holds its connection. */
  cancel(): void {
    this.#abort.abort();
  }
}
