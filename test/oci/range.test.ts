// Byte ranges, as clients ask for them and as upstreams answer them (RFC 9110, 14.2 and 14.4).

import { describe, expect, it } from "vitest";
import { parseContentRange, parseRange } from "../../src/oci/range.ts";

const UNSATISFIABLE = "unsatisfiable";
const part = (first: number, last: number) => ({ first, last });

describe("parseRange", () => {
  it.each<{ header: string; size: number; expected: ReturnType<typeof parseRange> }>([
    // closed
    { header: "bytes=0-0", size: 100, expected: part(0, 0) },
    { header: "bytes=0-99", size: 100, expected: part(0, 99) },
    { header: "bytes=10-19", size: 100, expected: part(10, 19) },
    { header: "bytes=99-99", size: 100, expected: part(99, 99) },
    { header: "bytes=10-1000", size: 100, expected: part(10, 99) },
    { header: "bytes=100-100", size: 100, expected: UNSATISFIABLE },
    // open
    { header: "bytes=0-", size: 100, expected: part(0, 99) },
    { header: "bytes=99-", size: 100, expected: part(99, 99) },
    { header: "bytes=100-", size: 100, expected: UNSATISFIABLE },
    // suffix
    { header: "bytes=-1", size: 100, expected: part(99, 99) },
    { header: "bytes=-100", size: 100, expected: part(0, 99) },
    { header: "bytes=-101", size: 100, expected: part(0, 99) },
    { header: "bytes=-0", size: 100, expected: UNSATISFIABLE },
    // of nothing
    { header: "bytes=0-", size: 0, expected: UNSATISFIABLE },
    { header: "bytes=0-0", size: 0, expected: UNSATISFIABLE },
    { header: "bytes=-1", size: 0, expected: UNSATISFIABLE },
    // large
    {
      header: "bytes=40000000000-",
      size: 50_000_000_000,
      expected: part(40_000_000_000, 49_999_999_999),
    },
    { header: "bytes=0-999999999999999", size: 100, expected: part(0, 99) },
    { header: "bytes=999999999999999-", size: 100, expected: UNSATISFIABLE },
    { header: "bytes=-999999999999999", size: 100, expected: part(0, 99) },
    // the unit's case, and blanks where a list may have them
    { header: "BYTES=1-2", size: 100, expected: part(1, 2) },
    { header: "bytes= 1-2 ", size: 100, expected: part(1, 2) },
    { header: "bytes=\t1-2", size: 100, expected: part(1, 2) },
    { header: "bytes=007-008", size: 100, expected: part(7, 8) },
  ])("$header of $size bytes", ({ header, size, expected }) => {
    expect(parseRange(header, size)).toEqual(expected);
  });

  it.each([
    ["there is none", undefined],
    ["it is empty", ""],
    ["it is another unit", "items=0-1"],
    ["there are no ends", "bytes=-"],
    ["there is no dash", "bytes=5"],
    ["it ends before it starts", "bytes=5-4"],
    ["it ends before it starts, past the size", "bytes=500-400"],
    ["there are several", "bytes=0-1,5-6"],
    ["there is one and a comma", "bytes=0-1,"],
    ["a number is negative", "bytes=--1"],
    ["a number is a fraction", "bytes=0.5-1"],
    ["a number is hexadecimal", "bytes=0x1-0x2"],
    ["a number is no safe integer", "bytes=9007199254740993-9007199254740994"],
    ["a blank is within", "bytes=0 - 1"],
    ["a blank is before the equals sign", "bytes =0-1"],
    ["there is something behind", "bytes=0-1x"],
    ["there is a line behind", "bytes=0-1\nx"],
  ])("is ignored where %s", (_, header) => {
    expect(parseRange(header, 100)).toBeUndefined();
  });
});

describe("parseContentRange", () => {
  it.each([
    ["bytes 0-0/1", { first: 0, last: 0, total: 1 }],
    ["bytes 0-99/1000", { first: 0, last: 99, total: 1000 }],
    ["bytes 900-999/1000", { first: 900, last: 999, total: 1000 }],
    ["Bytes 5-6/10", { first: 5, last: 6, total: 10 }],
    [" bytes 5-6/10 ", { first: 5, last: 6, total: 10 }],
  ])("%s", (header, expected) => {
    expect(parseContentRange(header)).toEqual(expected);
  });

  it.each([
    ["there is none", null],
    ["it is empty", ""],
    ["the total is unknown", "bytes 0-99/*"],
    ["it is unsatisfied", "bytes */1000"],
    ["it ends before it starts", "bytes 5-4/10"],
    ["it ends past the total", "bytes 0-10/10"],
    ["the total is zero", "bytes 0-0/0"],
    ["it is another unit", "items 0-9/10"],
    ["it is written like a Range", "bytes=0-9/10"],
    ["there is no total", "bytes 0-9"],
    ["a number is negative", "bytes -1-9/10"],
    ["a number is no safe integer", "bytes 0-9/9007199254740993"],
    ["there is something behind", "bytes 0-9/10, bytes 0-9/10"],
  ])("is undefined where %s", (_, header) => {
    expect(parseContentRange(header)).toBeUndefined();
  });
});
