// Pending counts: counts by day, rule and place, and pulls by day and image, added up until they are reported.

import { dayOf } from "../../text/times.ts";
import type { Counts, ImagePulls } from "./contract.ts";

export type Amounts = Omit<Counts, "day" | "rule" | "place">;

const NONE: Amounts = {
  pulls: 0,
  hits: 0,
  misses: 0,
  collapsed: 0,
  stale: 0,
  bytesServed: 0,
  bytesFetched: 0,
  upstreamRequests: 0,
  upstreamPulls: 0,
  errors: 0,
};
/** Maximum entries kept while the catalog is unreachable; beyond it the oldest are dropped. */
const MAX_PENDING_COUNTS = 10_000;

export class Counting {
  #counts = new Map<string, Counts>();

  /** @param now in ms since the epoch */
  add(rule: string, place: string, now: number, amounts: Partial<Amounts>): void {
    const day = dayOf(now);
    const key = `${day} ${rule} ${place}`;
    const counts = this.#counts.get(key) ?? { day, rule, place, ...NONE };
    for (const [name, amount] of Object.entries(amounts)) counts[name as keyof Amounts] += amount;
    this.#counts.set(key, counts);
    if (this.#counts.size > MAX_PENDING_COUNTS)
      this.#counts.delete(this.#counts.keys().next().value as string);
  }

  /** Returns the counts and clears them; the caller reports them. */
  take(): Counts[] {
    const counts = [...this.#counts.values()];
    this.#counts = new Map();
    return counts;
  }

  /** Adds counts again whose report failed. */
  putBack(counts: readonly Counts[]): void {
    for (const { day, rule, place, ...amounts } of counts)
      this.add(rule, place, Date.parse(day), amounts);
  }
}

/** Pulls by image, with the same bound. */
export class PullCounting {
  #pulls = new Map<string, ImagePulls>();

  add(image: ImagePulls): void {
    const { day, place, digest, tag, pulls } = image;
    const key = `${day} ${place} ${digest} ${tag}`;
    const before = this.#pulls.get(key)?.pulls ?? 0;
    this.#pulls.set(key, { ...image, pulls: before + pulls });
    if (this.#pulls.size > MAX_PENDING_COUNTS)
      this.#pulls.delete(this.#pulls.keys().next().value as string);
  }

  /** Returns the pulls and clears them; the caller reports them. */
  take(): ImagePulls[] {
    const pulls = [...this.#pulls.values()];
    this.#pulls = new Map();
    return pulls;
  }

  /** Adds pulls again whose report failed. */
  putBack(pulls: readonly ImagePulls[]): void {
    for (const one of pulls) this.add(one);
  }
}
