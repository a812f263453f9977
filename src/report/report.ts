// The report of a month: what the cache has saved its users, and what it costs. Pure.

import type { Operations, Totals } from "../catalog/record/contract.ts";
import type { Prices } from "./prices.ts";

/** Docker Hub counts manifests' GETs in windows of six hours: so many for an address without a login, and for an account of the
 * Personal plan. */
const WINDOWS = { anonymous: 100, personal: 200 };
/** As Cloudflare bills R2. */
const GIGABYTE = 1_000_000_000;

export interface ReportInput {
  /** `2026-11`. */
  month: string;
  /** In ms since the epoch. */
  now: number;
  /** By rule. */
  totals: Totals[];
  /** Names of rules whose upstream is Docker Hub. */
  dockerHub: string[];
  operations: Operations;
  /** In R2, now. */
  storedBytes: number;
  prices: Prices;
}

export interface Saved {
  pulls: number;
  upstreamPulls: number;
  /** Pulls that no upstream was asked for. */
  pullsAvoided: number;
  bytesServed: number;
  bytesFetched: number;
  bytesAvoided: number;
}

export interface Line {
  item: string;
  what: string;
  used: number;
  included: number;
  /** In dollars. */
  cost: number;
  /** At the month's end, if it goes on like this. */
  projected: number;
}

export interface Report {
  month: string;
  /** How much of it has passed: 0 to 1. */
  elapsed: number;
  saved: Saved;
  byRule: (Saved & { rule: string })[];
  dockerHub: Saved & {
    /** How many windows of six hours the avoided pulls would have filled. */
    windowsAvoided: { anonymous: number; personal: number };
  };
  cost: {
    currency: "USD";
    prices: string;
    plan: number;
    lines: Line[];
    total: number;
    projected: number;
    notIncluded: string;
  };
}

export function reportOf(asked: ReportInput): Report {
  const { month, totals, dockerHub } = asked;
  const hub = savedIn(totals.filter(({ rule }) => dockerHub.includes(rule)));
  return {
    month,
    elapsed: elapsedOf(asked),
    saved: savedIn(totals),
    byRule: totals.map((total) => ({ rule: total.rule, ...savedIn([total]) })),
    dockerHub: {
      ...hub,
      windowsAvoided: {
        anonymous: rounded(hub.pullsAvoided / WINDOWS.anonymous, 1),
        personal: rounded(hub.pullsAvoided / WINDOWS.personal, 1),
      },
    },
    cost: costOf(asked),
  };
}

function savedIn(totals: readonly Totals[]): Saved {
  const sum = (of: (total: Totals) => number) => totals.reduce((all, one) => all + of(one), 0);
  const [pulls, upstreamPulls] = [sum((one) => one.pulls), sum((one) => one.upstreamPulls)];
  const [bytesServed, bytesFetched] = [
    sum((one) => one.bytesServed),
    sum((one) => one.bytesFetched),
  ];
  return {
    pulls,
    upstreamPulls,
    // Checks and prewarming may ask for more than clients do.
    pullsAvoided: Math.max(0, pulls - upstreamPulls),
    bytesServed,
    bytesFetched,
    bytesAvoided: Math.max(0, bytesServed - bytesFetched),
  };
}

function costOf(asked: ReportInput): Report["cost"] {
  const { operations, storedBytes, prices } = asked;
  const elapsed = elapsedOf(asked);
  const lines = Object.entries(prices.items).map(([item, price]): Line => {
    // What is stored is billed by the month, and taken to be stored for all of it.
    const isStorage = item === "r2_storage";
    const used = isStorage ? storedBytes / GIGABYTE : (operations[item] ?? 0);
    const priced = (amount: number) =>
      rounded((Math.max(0, amount - price.included) / price.per) * price.price, 4);
    const atEnd = isStorage ? used : used / Math.max(elapsed, 1 / 31);
    const { what, included } = price;
    return { item, what, used, included, cost: priced(used), projected: priced(atEnd) };
  });
  const sum = (of: (line: Line) => number) =>
    rounded(prices.plan + lines.reduce((all, line) => all + of(line), 0), 4);
  return {
    currency: "USD",
    prices: prices.dated,
    plan: prices.plan,
    lines,
    total: sum((line) => line.cost),
    projected: sum((line) => line.projected),
    notIncluded:
      "CPU time, the objects' duration and rows, log lines; and what other Workers of the account use of what is included",
  };
}

function elapsedOf({ month, now }: Pick<ReportInput, "month" | "now">): number {
  const begin = Date.parse(`${month}-01`);
  const next = new Date(begin);
  next.setUTCMonth(next.getUTCMonth() + 1);
  return rounded(Math.min(1, Math.max(0, (now - begin) / (next.getTime() - begin))), 4);
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
