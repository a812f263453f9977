// Formatting for people: sizes, counts, times and tables.

import { plain } from "../text/plain.ts";
import { isRecorded, NOT_RECORDED } from "../text/recorded.ts";

export const SIGNS = { good: "✔", careful: "•", bad: "✘" };

const UNITS = ["B", "kB", "MB", "GB", "TB"];

/** A size in units of 1,000, as registries and bills count. */
export function sizeOf(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit > 0 && value < 10 ? 1 : 0;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}

/** `1 image`, `2 images`. */
export function some(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

/** 2026-11-26 14:05, in UTC; "not recorded" for an invalid date, or one before 1970. */
export function timeOf(iso: string): string {
  if (!isRecorded(iso)) return NOT_RECORDED;
  return iso.slice(0, 16).replace("T", " ");
}

/** @param rows may hold untrusted text: it is made printable before widths are measured */
export function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [head, ...rows].map((row) =>
    row.map((cell) => plain(cell, Number.POSITIVE_INFINITY)),
  );
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] as number))
      .join("  ")
      .trimEnd(),
  );
}
