// Meter of an isolate: counts and events that accumulate until the next report to the catalog. All code in the isolate counts here, and a
// report takes all of it.

import {
  BUCKETS,
  type Counter,
  FAMILIES,
  type Families,
  type Histogram,
  type LabelsOf,
} from "./families.ts";
import type { HAPPENINGS } from "./happenings.ts";

/** The increase of one series. A histogram has one for each bucket, and one for the sum. */
export interface Sample {
  /** Family, labels in the family's order, and for a histogram the bucket's bound (such as `+Inf`) or `sum`. */
  key: string;
  amount: number;
}

/** An event for operators. */
export interface Happening {
  what: (typeof HAPPENINGS)[number];
  /** In ms since the epoch. */
  at: number;
  /** The image's origin and repository (policy/source). */
  place?: string;
  digest?: string;
  tag?: string;
  /** The tag's previous digest. */
  before?: string;
  upstream?: string;
  detail?: string;
}

/** Maximum number of series kept while the catalog cannot be reached; counts of further series are lost. */
const MAX_SERIES = 5_000;
/** Maximum number of events kept meanwhile; further events are lost. */
const MAX_HAPPENINGS = 1_000;

export class Meter {
  #amounts = new Map<string, number>();
  #happenings: Happening[] = [];
  #isNews = false;

  count<N extends Counter>(name: N, labels: LabelsOf<N>, amount = 1): void {
    if (amount === 0) return;
    this.#add(keyOf(name, labels), amount);
    this.#isNews ||= name !== "entrepot_platform_operations";
  }

  observe<N extends Histogram>(name: N, labels: LabelsOf<N>, seconds: number): void {
    const bound = BUCKETS.find((limit) => seconds <= limit);
    this.#add(keyOf(name, labels, bound === undefined ? "+Inf" : String(bound)), 1);
    this.#add(keyOf(name, labels, "sum"), seconds);
    this.#isNews = true;
  }

  happened(happening: Happening): void {
    if (this.#happenings.length < MAX_HAPPENINGS) this.#happenings.push(happening);
    this.#isNews = true;
  }

  /** Whether there is something to report. Platform operations alone are not: a report is itself such an operation. */
  get hasNews(): boolean {
    return this.#isNews;
  }

  /** Removes and returns all counts and events, which the caller must report or put back. */
  take(): { samples: Sample[]; happenings: Happening[] } {
    const samples = [...this.#amounts].map(([key, amount]) => ({ key, amount }));
    const happenings = this.#happenings;
    this.#amounts = new Map();
    this.#happenings = [];
    this.#isNews = false;
    return { samples, happenings };
  }

  /** Restores what take() returned, after a failed report. */
  putBack({ samples, happenings }: ReturnType<Meter["take"]>): void {
    for (const { key, amount } of samples) this.#add(key, amount);
    this.#happenings = [...happenings, ...this.#happenings].slice(0, MAX_HAPPENINGS);
    this.#isNews = true;
  }

  #add(key: string, amount: number): void {
    const before = this.#amounts.get(key);
    if (before === undefined && this.#amounts.size >= MAX_SERIES) return;
    this.#amounts.set(key, (before ?? 0) + amount);
  }
}

/** The meter of this isolate. */
export const meter = new Meter();

/** A sample's key: parts joined by line feeds, which no label contains. */
export function keyOf<N extends keyof Families>(
  name: N,
  labels: LabelsOf<N>,
  part?: string,
): string {
  const given = labels as Record<string, string>;
  const values = FAMILIES[name].labels.map((label) => given[label] ?? "");
  return [name, ...values, ...(part === undefined ? [] : [part])].join("\n");
}

/** The parts of a sample's key; undefined for a family that no longer exists. */
export function partsOf(
  key: string,
): { name: keyof Families; labels: [string, string][]; part: string | undefined } | undefined {
  const [name = "", ...values] = key.split("\n");
  if (!Object.hasOwn(FAMILIES, name)) return undefined;
  const family = name as keyof Families;
  const { labels } = FAMILIES[family];
  const given = labels.map((label, at): [string, string] => [label, values[at] ?? ""]);
  return { name: family, labels: given, part: values[labels.length] };
}
