// Range requests (RFC 9110, section 14) for blobs, as registries answer them, and as bad ones do.

import type { Fault } from "../wire.ts";
import { type Answer, refusal } from "./answer.ts";

/** The part of an answer's content that is sent: [from, to). */
export interface Window {
  answer: Answer;
  from: number;
  to: number;
}

/** Applies `Range` to a blob's 200. */
export function ranged(answer: Answer, range: string, fault: Fault): Window {
  const size = answer.content.size;
  const asked = parse(range, size);
  if (asked === undefined || fault.ignoreRange) return { answer, from: 0, to: size };
  if (asked === null) {
    const none = refusal(416, "RANGE_INVALID", { "content-range": `bytes */${size}` });
    return { answer: none, from: 0, to: none.content.size };
  }
  let [from, to] = asked;
  if (fault.wrongOffset) {
    const shift = fault.wrongOffset === true ? 1 : fault.wrongOffset;
    // A range of one byte has no later start: it then starts earlier.
    from = from + shift < to ? Math.max(0, from + shift) : Math.max(0, from - shift);
  }
  const total = fault.wrongTotal ? size + 1 : size;
  const headers = { ...answer.headers, "content-range": `bytes ${from}-${to - 1}/${total}` };
  return { answer: { ...answer, status: 206, headers }, from, to };
}

/** [from, to), null when it cannot be satisfied, undefined when it is to be ignored (several ranges, other units). */
function parse(range: string, size: number): [number, number] | null | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(range.trim());
  if (!match) return undefined;
  const [, first = "", last = ""] = match;
  if (first === "" && last === "") return undefined;
  if (first === "")
    return size === 0 || Number(last) === 0 ? null : [Math.max(0, size - Number(last)), size];
  if (last !== "" && Number(last) < Number(first)) return undefined;
  if (Number(first) >= size) return null;
  return [Number(first), last === "" ? size : Math.min(size, Number(last) + 1)];
}
