// Foreign JSON: how deep and how large it may be, and how much one manifest may name.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { excessIn, MAX_DESCRIPTORS } from "../../src/oci/bounds.ts";
import { parseForeign, parseObject } from "../../src/oci/json.ts";
import { jsonProblem, MAX_DEPTH, MAX_VALUES } from "../../src/oci/json-bounds.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);
const nested = (open: string, close: string, depth: number) =>
  open.repeat(depth) + close.repeat(depth);
const problemOf = (text: string) => jsonProblem(bytesOf(text));

describe("depth", () => {
  it.each([
    { title: "arrays", open: "[", close: "]" },
    { title: "objects", open: '{"a":', close: "}" },
    { title: "both", open: '[{"a":', close: "}]" },
    { title: "a million arrays", open: "[".repeat(15_625), close: "]".repeat(15_625) },
  ])("of $title is bounded", ({ open, close }) => {
    expect(problemOf(nested(open, close, MAX_DEPTH + 1))).toContain(
      `deeper than ${MAX_DEPTH} levels`,
    );
    expect(parseForeign(nested(open, close, MAX_DEPTH + 1))).toBeUndefined();
  });

  it.each([
    ["as deep as may be", nested("[", "]", MAX_DEPTH)],
    ["beside one another", `[${"[],".repeat(1_000)}[]]`],
    ["in a string", `["${"[".repeat(1_000)}"]`],
    [
      "in a string with quotes and backslashes",
      `["\\"${"[".repeat(1_000)}\\\\","\\\\\\"${"{".repeat(1_000)}"]`,
    ],
  ])("%s is none", (_, text) => {
    expect(problemOf(text)).toBeUndefined();
    expect(parseForeign(text)).toEqual(JSON.parse(text));
  });
});

describe("values", () => {
  it.each([
    ["elements", (count: number) => `[${"1,".repeat(count)}1]`],
    ["empty objects", (count: number) => `[${"{},".repeat(count / 2)}{}]`],
    ["members", (count: number) => `{${'"a":1,'.repeat(count)}"a":1}`],
  ])("are counted: %s", (_, made) => {
    expect(problemOf(made(MAX_VALUES))).toContain(`more than ${MAX_VALUES} values`);
    expect(problemOf(made(MAX_VALUES / 2 - 10))).toBeUndefined();
  });
});

it("any JSON within the bounds is what it is; what is none is nothing", () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      expect(parseForeign(text)).toEqual(JSON.parse(text));
      expect(parseForeign(bytesOf(text))).toEqual(JSON.parse(text));
    }),
  );
  for (const text of ["", "{", "]]]", '"', '"\\', "nul", "[1,]", "\u0000"]) {
    expect([text, parseForeign(text), parseObject(text)]).toEqual([text, undefined, undefined]);
  }
});

describe("a manifest names so much at most", () => {
  it.each(["manifests", "layers", "blobs", "fsLayers", "history"])("in %s", (field) => {
    const made = (count: number) => bytesOf(`{"${field}":[${"{},".repeat(count - 1)}{}]}`);
    expect(excessIn(made(MAX_DESCRIPTORS))).toBeUndefined();
    expect(excessIn(made(MAX_DESCRIPTORS + 1))).toContain(
      `more than the maximum of ${MAX_DESCRIPTORS}`,
    );
    expect(excessIn(made(100_000))).toContain("names 100000");
  });

  it("in all its lists together", () => {
    const layers = Array(MAX_DESCRIPTORS - 1).fill({});
    const body = (blobs: object[]) => bytesOf(JSON.stringify({ layers, blobs, config: {} }));
    expect(excessIn(body([{}]))).toBeUndefined();
    expect(excessIn(body([{}, {}]))).toBeDefined();
  });

  it("and is no deeper than any JSON", () => {
    expect(excessIn(bytesOf(`{"a":${nested("[", "]", 1_000_000)}}`))).toContain("nested deeper");
    expect(excessIn(bytesOf("{}"))).toBeUndefined();
    expect(excessIn(bytesOf("no JSON"))).toBeUndefined(); // judged elsewhere
  });
});
