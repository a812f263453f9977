// What the fixture serves: a sequence of bytes of known size, in memory or generated as it is read.

import { createHash } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";
import { BLOCK, block } from "../content.ts";
import type { Algorithm } from "../wire.ts";

export interface Content {
  readonly size: number;
  /** One byte or more from `from` on, and none at or past `to`. Not to be written to. */
  read(from: number, to: number): Uint8Array;
}

export function given(bytes: Uint8Array): Content {
  return { size: bytes.length, read: (from, to) => bytes.subarray(from, to) };
}

export function text(value: string): Content {
  return given(Buffer.from(value));
}

export function generated(seed: number, size: number): Content {
  return {
    size,
    read(from, to) {
      const within = from % BLOCK;
      return cached(seed, Math.floor(from / BLOCK)).subarray(
        within,
        Math.min(BLOCK, within + to - from),
      );
    },
  };
}

/** One byte of it flipped. */
export function corrupted(content: Content, offset: number): Content {
  return {
    size: content.size,
    read(from, to) {
      const piece = content.read(from, to);
      if (offset < from || offset >= from + piece.length) return piece;
      const copy = new Uint8Array(piece);
      copy[offset - from] = ~(copy[offset - from] ?? 0);
      return copy;
    },
  };
}

export async function digestOf(content: Content, algorithm: Algorithm): Promise<string> {
  const hash = createHash(algorithm);
  for (let at = 0, turns = 0; at < content.size; ) {
    const piece = content.read(at, content.size);
    hash.update(piece);
    at += piece.length;
    // A blob of gigabytes must not keep other tests' requests waiting.
    if (++turns % 128 === 0) await turn();
  }
  return `${algorithm}:${hash.digest("hex")}`;
}

// A measurement should show the proxy's cost, not the generator's: blocks stay made while they fit in the budget, and
// the oldest seed goes first. Of a blob larger than that, the rest is made anew each time: to evict its own blocks
// for the next ones would make all of them anew.
const BUDGET = 384 * 1024 * 1024;
const made = new Map<number, Map<number, Uint8Array>>();
let total = 0;

function cached(seed: number, index: number): Uint8Array {
  const own = made.get(seed) ?? new Map<number, Uint8Array>();
  made.set(seed, own);
  const known = own.get(index);
  if (known) return known;
  const fresh = block(seed, index);
  for (const [oldest, blocks] of made) {
    if (total + BLOCK <= BUDGET) break;
    if (oldest === seed) return fresh;
    made.delete(oldest);
    total -= blocks.size * BLOCK;
  }
  own.set(index, fresh);
  total += BLOCK;
  return fresh;
}
