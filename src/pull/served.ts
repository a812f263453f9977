// What this isolate has served, counted by where it was. Told in the log, one line for ten busy seconds; what an isolate has
// counted last is lost with it.

import type { Layer } from "../store/visit.ts";
import type { CacheStatus } from "./cache-status.ts";

export type Kind = "manifest" | "blob" | "list";

/** Where an answer was: in a layer; with an object; here, but past its time; or at the upstream. */
type Whence = Layer | "object" | "stale" | "upstream";

export interface Counts {
  /** Answers, HEADs and 304s included. */
  answers: Partial<Record<Kind, Partial<Record<Whence, number>>>>;
  /** Segments of blobs that were opened, and the bytes that were asked of them. */
  segments: Partial<Record<Layer, { opened: number; bytes: number }>>;
  /** Segments that were copied to the edge. */
  copies: number;
}

/** How often the counts are told at most, in ms. */
const SPELL = 10_000;

export class Served {
  #counts: Counts = none();
  #since: number | undefined;

  answer(kind: Kind, status: CacheStatus): void {
    const { answers } = this.#counts;
    const whence = whenceOf(status);
    answers[kind] = { ...answers[kind], [whence]: (answers[kind]?.[whence] ?? 0) + 1 };
  }

  segment(layer: Layer, bytes: number): void {
    const { segments } = this.#counts;
    const before = segments[layer] ?? { opened: 0, bytes: 0 };
    segments[layer] = { opened: before.opened + 1, bytes: before.bytes + bytes };
  }

  copy(): void {
    this.#counts.copies += 1;
  }

  /** What was counted since the last time; undefined where that is not long ago, or nothing was. */
  flush(now: number): Counts | undefined {
    this.#since ??= now;
    const counts = this.#counts;
    const isEmpty = Object.keys(counts.answers).length === 0 && counts.copies === 0;
    if (now - this.#since < SPELL || isEmpty) return undefined;
    this.#counts = none();
    this.#since = now;
    return counts;
  }
}

function none(): Counts {
  return { answers: {}, segments: {}, copies: 0 };
}

function whenceOf(status: CacheStatus): Whence {
  if ("hit" in status) return status.hit;
  return "fwd" in status ? "upstream" : "stale";
}
