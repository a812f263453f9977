// Character classes of globs: `[a-z]` and `[!a-z]`.

import type { CharacterClass } from "./automaton.ts";

const ASCII = 128;

/** Parses a class. An empty class, or one with a reversed range, matches nothing. A class that begins with ! or ^ matches all other
 * characters except a slash.
 * @param content the text between the brackets */
export function characterClass(content: string): CharacterClass {
  const isNegated = /^[!^]/.test(content);
  const text = isNegated ? content.slice(1) : content;
  const bits = new Uint32Array(ASCII / 32);
  const add = (code: number) => {
    if (code < ASCII) bits[code >> 5] = (bits[code >> 5] as number) | (1 << (code & 31));
  };
  let isNothing = text === "";
  for (let at = 0; at < text.length; at++) {
    const first = text.charCodeAt(at);
    if (text[at + 1] !== "-" || at + 2 >= text.length) {
      add(first);
      continue;
    }
    const last = text.charCodeAt(at + 2);
    isNothing ||= last < first;
    for (let code = first; code <= last; code++) add(code);
    at += 2;
  }
  if (isNothing) return { bits: new Uint32Array(ASCII / 32), others: false };
  if (!isNegated) return { bits, others: false };
  add("/".charCodeAt(0));
  return { bits: bits.map((word) => ~word), others: true };
}
