// Generated blob content: any byte of any size from a seed, the same in Node and in workerd.

/** Bytes of a block. Each is made from (seed, index) alone, so that every range is at hand at once. */
export const BLOCK = 64 * 1024;

/** Block `index` of the content of `seed`. A smaller blob of a seed is a prefix of a larger one. */
export function block(seed: number, index: number): Uint8Array {
  const words = new Uint32Array(BLOCK / 4);
  let x = mix(seed, index) || 1;
  for (let i = 0; i < words.length; i++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    words[i] = x;
  }
  return new Uint8Array(words.buffer);
}

/** The bytes [from, to) of the content of `seed`; `to` is exclusive. */
export function bytes(seed: number, from: number, to: number): Uint8Array {
  const out = new Uint8Array(to - from);
  for (let at = from; at < to; ) {
    const within = at % BLOCK;
    const piece = block(seed, Math.floor(at / BLOCK)).subarray(
      within,
      Math.min(BLOCK, within + to - at),
    );
    out.set(piece, at - from);
    at += piece.length;
  }
  return out;
}

/** A seed from a text (FNV-1a), so that content can follow from a repository's name. */
export function seedOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

// Neighbouring seeds and indexes must not give neighbouring xorshift states: murmur3's finalizer spreads them.
function mix(seed: number, index: number): number {
  let h = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(index + 1, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
