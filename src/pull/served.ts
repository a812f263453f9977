// Served counters: counts what this isolate served, by storage layer, for one log line per ten busy seconds. The last counts of
// an isolate are lost with it.

import type { Layer } from "../store/visit.ts";
import type { CacheStatus } from "./cache-status.ts";

export type Kind = "manifest" | "blob" | "list";

/** Where a response was served from: a layer, a Durable Object, the cache past its freshness, or the upstream. */
type ServedFrom = Layer | "object" | "stale" | "upstream";

export interface Counts {
  /** Responses, including HEAD and 304. */
  answers: Partial<Record<Kind, Partial<Record<ServedFrom, number>>>>;
  /** Blob segments opened, and bytes requested of them. */
  segments: Partial<Record<Layer, { opened: number; bytes: number }>>;
  /** Segments copied to the edge cache. */
  copies: number;
}

/** Minimum interval between log lines, in ms. */
const LOG_INTERVAL = 10_000;

export class Served {
  #counts: Counts = emptyCounts();
  #since: number | undefined;

  answer(kind: Kind, status: CacheStatus): void {
    const { answers } = this.#counts;
    const whence = servedFrom(status);
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

  /** The counts since the last flush; undefined if that was less than the interval ago or nothing was counted. */
  flush(now: number): Counts | undefined {
    this.#since ??= now;
    const counts = this.#counts;
    const isEmpty = Object.keys(counts.answers).length === 0 && counts.copies === 0;
    if (now - this.#since < LOG_INTERVAL || isEmpty) return undefined;
    this.#counts = emptyCounts();
    this.#since = now;
    return counts;
  }
}

function emptyCounts(): Counts {
  return { answers: {}, segments: {}, copies: 0 };
}

function servedFrom(status: CacheStatus): ServedFrom {
  if ("hit" in status) return status.hit;
  return "fwd" in status ? "upstream" : "stale";
}
