// Monthly report: what the cache saved its users and what it costs. Pure.

import type { Operations, Totals } from "../catalog/record/contract.ts";
import type { Prices } from "./prices.ts";

/** Docker Hub's limits on manifest GETs per six hours: for an address without a login, and for an account of the Personal
 * plan. */
const WINDOWS = { anonymous: 100, personal: 200 };
/** Decimal gigabyte, as Cloudflare bills R2. */
const GIGABYTE = 1_000_000_000;

export interface ReportInput {
  /** Such as `2026-11`. */
  month: string;
  /** In ms since the epoch. */
  now: number;
  /** Per rule. */
  totals: Totals[];
  /** Names of rules whose upstream is Docker Hub. */
  dockerHub: string[];
  operations: Operations;
  /** Currently stored in R2. */
  storedBytes: number;
  prices: Prices;
}

export interface Saved {
  pulls: number;
  upstreamPulls: number;
  /** Pulls served without an upstream pull. */
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
  /** In US dollars. */
  cost: number;
  /** Extrapolated to the end of the month. */
  projected: number;
}

export interface Report {
  month: string;
  /** Fraction of the month that has passed, 0 to 1. */
  elapsed: number;
  saved: Saved;
  byRule: (Saved & { rule: string })[];
  dockerHub: Saved & {
    /** Number of six-hour windows that the avoided pulls would have used up. */
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
    // Tag checks and prewarming may cause more upstream pulls than clients make.
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
    // Storage is billed per month; the current amount is assumed for the whole month.
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
      "CPU time, Durable Object duration and rows, log lines, and what other Workers of the account use of the included amounts",
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
