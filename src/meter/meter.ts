// The meter of an isolate: numbers, and things that happened, as they add up before the catalog is told. Everything that runs in the
// isolate counts here, and whoever tells the catalog next takes all of it along.

import {
  BUCKETS,
  type Counter,
  FAMILIES,
  type Families,
  type Histogram,
  type LabelsOf,
} from "./families.ts";

/** A number of a family: how much it grew. Of a histogram there are several: of each bucket its own, and their sum. */
export interface Sample {
  /** Family, labels in the family's order, and of a histogram the bucket's bound (`+Inf`) or `sum`. */
  key: string;
  amount: number;
}

/** What somebody who watches the cache wants to hear of. */
export interface Happening {
  what:
    | "image.cached"
    | "tag.moved"
    | "image.expired"
    | "upstream.limited"
    | "upstream.down"
    | "upstream.up"
    | "verification.failed";
  /** In ms since the epoch. */
  at: number;
  /** Of the image: origin and repository (policy/source). */
  place?: string;
  digest?: string;
  tag?: string;
  /** What the tag meant before. */
  before?: string;
  upstream?: string;
  detail?: string;
}

/** So much is kept while the catalog cannot be told; what comes then is lost. */
const MOST_SERIES = 5_000;
const MOST_HAPPENINGS = 1_000;

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
    const bound = BUCKETS.find((most) => seconds <= most);
    this.#add(keyOf(name, labels, bound === undefined ? "+Inf" : String(bound)), 1);
    this.#add(keyOf(name, labels, "sum"), seconds);
    this.#isNews = true;
  }

  happened(happening: Happening): void {
    if (this.#happenings.length < MOST_HAPPENINGS) this.#happenings.push(happening);
    this.#isNews = true;
  }

  /** Whether there is something to tell. Operations go along and are no reason by themselves: telling is one. */
  get hasNews(): boolean {
    return this.#isNews;
  }

  /** What was counted, which is then the caller's to tell. */
  take(): { samples: Sample[]; happenings: Happening[] } {
    const samples = [...this.#amounts].map(([key, amount]) => ({ key, amount }));
    const happenings = this.#happenings;
    this.#amounts = new Map();
    this.#happenings = [];
    this.#isNews = false;
    return { samples, happenings };
  }

  /** It was not told. */
  putBack({ samples, happenings }: ReturnType<Meter["take"]>): void {
    for (const { key, amount } of samples) this.#add(key, amount);
    this.#happenings = [...happenings, ...this.#happenings].slice(0, MOST_HAPPENINGS);
    this.#isNews = true;
  }

  #add(key: string, amount: number): void {
    const before = this.#amounts.get(key);
    if (before === undefined && this.#amounts.size >= MOST_SERIES) return;
    this.#amounts.set(key, (before ?? 0) + amount);
  }
}

/** Of this isolate. */
export const meter = new Meter();

/** Labels hold no line feed: neither do names of rules, nor anything of ours. */
function keyOf<N extends keyof Families>(name: N, labels: LabelsOf<N>, part?: string): string {
  const given = labels as Record<string, string>;
  const values = FAMILIES[name].labels.map((label) => given[label] ?? "");
  return [name, ...values, ...(part === undefined ? [] : [part])].join("\n");
}

/** A sample's key, taken apart; undefined for one of a family that is none any more. */
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
