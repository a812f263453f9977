// What tests look at in transfers: whether they end well, what they hash to, which bytes the upstream was asked for.

import { createHash } from "node:crypto";
import type { RequestRecord } from "./wire.ts";

export const MiB = 1024 * 1024;

export interface Received {
  /** False where the transfer broke off, or the answer was an error. */
  whole: boolean;
  size: number;
  digest: string;
  status: number;
  cacheStatus: string;
}

/** Reads a response to its end, clean or not. */
export async function receive(response: Response | Promise<Response>): Promise<Received> {
  const { status, headers, body, ok } = await response;
  const hash = createHash("sha256");
  const received = { size: 0, status, cacheStatus: headers.get("cache-status") ?? "" };
  try {
    for await (const piece of body ?? []) {
      hash.update(piece);
      received.size += piece.byteLength;
    }
    return { ...received, whole: ok, digest: `sha256:${hash.digest("hex")}` };
  } catch {
    return { ...received, whole: false, digest: "" };
  }
}

/** The stretches that the upstream was asked for, in order; a request without a range is the whole of `size` bytes. */
export function stretches(requests: readonly RequestRecord[], size: number): [number, number][] {
  return requests
    .map(({ range }): [number, number] => {
      const match = /^bytes=(\d+)-(\d+)$/.exec(range ?? "");
      return match ? [Number(match[1]), Math.min(Number(match[2]), size - 1)] : [0, size - 1];
    })
    .sort(([a], [b]) => a - b);
}

/** Each byte once: what was asked for joins without gap or overlap. */
export function coverOnce(requests: readonly RequestRecord[], size: number): boolean {
  let next = 0;
  for (const [first, last] of stretches(requests, size)) {
    if (first !== next) return false;
    next = last + 1;
  }
  return next === size;
}

/** Reads until at least `size` bytes have come, and leaves the rest unread. */
export async function readSome(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  size: number,
): Promise<number> {
  let got = 0;
  while (got < size) {
    const { done, value } = await reader.read();
    if (done) break;
    got += value.byteLength;
  }
  return got;
}
