// Dates that are none: what the command line, the console and the API say of them.

import { describe, expect, it } from "vitest";
import { timeOf } from "../../src/cli/words.ts";
import { ago, moment } from "../../src/console/parts/words.ts";
import { isRecorded } from "../../src/text/recorded.ts";

const NOW = Date.UTC(2026, 10, 29, 12);

describe("a date", () => {
  it.each([
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00.000000000Z",
    "0000-01-01T00:00:00Z",
    "1601-01-01T00:00:00Z",
    "1969-12-31T23:59:59Z",
    "1970-01-01T00:00:00+01:00",
    "-000001-01-01T00:00:00Z",
    "2024-13-01T00:00:00Z",
    "yesterday",
    "2024",
    "",
  ])("%j is not recorded", (at) => {
    expect(isRecorded(at)).toBe(false);
    expect([ago(at, NOW), moment(at), timeOf(at)]).toEqual(Array(3).fill("not recorded"));
  });

  it.each([
    ["1970-01-01T00:00:00Z", "1970-01-01 00:00"],
    ["1980-01-01T00:00:01Z", "1980-01-01 00:00"],
    ["2026-11-29T11:57:00.123456789Z", "2026-11-29 11:57"],
    ["2026-11-30T12:00:00Z", "2026-11-30 12:00"],
  ])("%s is shown", (at, shown) => {
    expect([moment(at), timeOf(at)]).toEqual([`${shown} UTC`, shown]);
    expect(ago(at, NOW)).toMatch(/ ago$|^in /);
  });
});
