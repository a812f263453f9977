// Formatting: numbers, sizes and times for people.

import { isRecorded, NOT_RECORDED } from "../../text/recorded.ts";

const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"];

/** Created on first use: it takes some ms, which isolates that serve only pulls save. */
let formats: ReturnType<typeof createFormats> | undefined;
function createFormats() {
  return {
    whole: new Intl.NumberFormat("en-US"),
    compact: new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 }),
  };
}

export function count(value: number): string {
  formats ??= createFormats();
  return formats.whole.format(value);
}

/** Compact from 10,000 on: `12.3K`. */
export function brief(value: number): string {
  formats ??= createFormats();
  return value < 10_000 ? count(value) : formats.compact.format(value);
}

/** Formats bytes in powers of 1,000, as storage is billed. */
export function bytes(value: number): string {
  const power = value < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(value) / 3));
  const scaled = value / 1000 ** power;
  const digits = power === 0 || scaled >= 100 ? 0 : scaled >= 10 ? 1 : 2;
  return `${scaled.toFixed(digits)} ${UNITS[power]}`;
}

/** `12 images`. @param many default: `one` and an s */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** A dash where `whole` is zero. */
export function percent(part: number, whole: number): string {
  if (whole <= 0) return "–";
  const value = (100 * part) / whole;
  return `${value > 0 && value < 10 ? value.toFixed(1) : Math.floor(value)}%`;
}

/** @param time in ms */
export function duration(time: number): string {
  const seconds = Math.round(time / 1000);
  if (seconds < 1) return `${Math.round(time)} ms`;
  const steps: [number, string][] = [
    [86_400, "d"],
    [3_600, "h"],
    [60, "min"],
    [1, "s"],
  ];
  const at = steps.findIndex(([size]) => seconds >= size);
  const [size, name] = steps[at] as [number, string];
  const next = steps[at + 1];
  const rest = next && size > 1 ? Math.floor((seconds % size) / next[0]) : 0;
  const whole = `${Math.floor(seconds / size)} ${name}`;
  return rest > 0 && next ? `${whole} ${rest} ${next[1]}` : whole;
}

/** `3 min ago`, `in 5 h`; "not recorded" for invalid dates and dates before 1970. @param at ISO 8601 @param now in ms since the epoch */
export function ago(at: string, now: number): string {
  if (!isRecorded(at)) return NOT_RECORDED;
  const past = now - Date.parse(at);
  if (Math.abs(past) < 1_000) return "just now";
  const [whole = ""] = /^\S+ \S+/.exec(duration(Math.abs(past))) ?? [];
  return past > 0 ? `${whole} ago` : `in ${whole}`;
}

/** Formats a time to the minute, in UTC. @param at ISO 8601 */
export function moment(at: string): string {
  return isRecorded(at) ? `${at.slice(0, 10)} ${at.slice(11, 16)} UTC` : NOT_RECORDED;
}

/** First 12 digits of a digest, with its algorithm. */
export function shortDigest(digest: string): string {
  const [algorithm, hex = ""] = digest.split(":");
  return `${algorithm}:${hex.slice(0, 12)}`;
}
