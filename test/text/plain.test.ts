// Foreign text, made fit for terminals, logs and pages.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  guard,
  jsonText,
  pageText,
  plain,
  plainLines,
  reasonOf,
  withoutQueries,
} from "../../src/text/plain.ts";
import { UNSAFE } from "../support/unsafe.ts";

const ESC = "\u001b";

describe("plain", () => {
  it.each([
    { title: "colours", text: `a${ESC}[31;1mred${ESC}[0m`, expected: "ared" },
    {
      title: "a cursor that is moved, and a line that is cleared",
      text: `ok${ESC}[1A${ESC}[2Kno`,
      expected: "okno",
    },
    { title: "a title", text: `a${ESC}]0;owned\u0007b`, expected: "ab" },
    { title: "the clipboard", text: `a${ESC}]52;c;cm0gLXJm${ESC}\\b`, expected: "ab" },
    {
      title: "a link",
      text: `${ESC}]8;;https://evil.example${ESC}\\text${ESC}]8;;${ESC}\\`,
      expected: "text",
    },
    { title: "a string of the device", text: `a${ESC}P1;2|x${ESC}\\b`, expected: "ab" },
    { title: "a reset", text: `a${ESC}cb`, expected: "ab" },
    { title: "the same in eight bits", text: "a\u009b31mb\u009d0;t\u009cc", expected: "abc" },
    {
      title: "a sequence without an end, of which the text stays",
      text: `a${ESC}[31`,
      expected: "a31",
    },
    {
      title: "a string without an end, of which the text stays",
      text: `a${ESC}]0;text`,
      expected: "a0;text",
    },
    {
      title: "lines",
      text: "one\r\ntwo\u0000three\u0085four\u2028five",
      expected: "one two three four five",
    },
    { title: "a backspace", text: "good\b\b\b\bbad", expected: "good bad" },
    {
      title: "text that is turned",
      text: "a\u202egnp.exe\u202c",
      expected: "a\ufffdgnp.exe\ufffd",
    },
    { title: "isolates", text: "\u2066a\u2069\u200f", expected: "\ufffda\ufffd" },
    {
      title: "what is not seen",
      text: "ad\u200bmin\u2060\ufeff\u00ad\u3164",
      expected: "ad\ufffdmin\ufffd",
    },
    { title: "tags", text: "a\u{e0041}\u{e007f}", expected: "a\ufffd" },
    { title: "half a character", text: "a\ud800b", expected: "a\ufffdb" },
    {
      title: "letters of all kinds",
      text: "Grüße, 世界, שלום, ✔ 💥",
      expected: "Grüße, 世界, שלום, ✔ 💥",
    },
  ])("$title", ({ text, expected }) => {
    expect(plain(text)).toBe(expected);
  });

  it("is of bounded length, also where the cut is in a character", () => {
    expect(plain("x".repeat(5_000), 10)).toBe("xxxxxxxxxx…");
    expect(plain("xxxxxxxxxx", 10)).toBe("xxxxxxxxxx");
    expect(plain("xxxxxxxxx💥", 10)).toBe("xxxxxxxxx\ufffd…");
    expect(plain("y".repeat(100_000)).length).toBeLessThan(3_000);
  });

  it("leaves nothing of the kind in any text, and no text twice as it was", () => {
    const unit = fc.oneof(
      fc.constantFrom(ESC, "[", "]", "P", "\\", "\u0007", "\u009b", "\u009d", "\u009c", "\u0090"),
      fc.constantFrom("\u202e", "\u200b", "\r", "\n", "0", ";", "m", " ", "\ud83d"),
      fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
    );
    fc.assert(
      fc.property(fc.array(unit, { maxLength: 60 }), (units) => {
        const text = units.join("");
        const shown = plain(text);
        expect(shown).not.toMatch(UNSAFE);
        expect(plain(shown)).toBe(shown);
        expect(plainLines(text).split("\n").join("")).not.toMatch(UNSAFE);
        expect(pageText(text).replaceAll(/[\n\t]/g, "")).not.toMatch(UNSAFE);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("JSON", () => {
  it("means the same, and holds nothing that a terminal would take for more than text", () => {
    fc.assert(
      fc.property(
        fc.jsonValue({ stringUnit: "binary" }),
        fc.constantFrom(undefined, 2),
        (value, indent) => {
          const text = jsonText(value, indent);
          expect(text.replaceAll("\n", "")).not.toMatch(UNSAFE);
          expect(JSON.stringify(JSON.parse(text))).toBe(JSON.stringify(value));
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it("is as it was where there is nothing to escape", () => {
    const value = { a: ["é", 1], b: "x\ny" };
    expect(jsonText(value, 2)).toBe(JSON.stringify(value, undefined, 2));
    expect(jsonText("\u202e\u{e0041}\u007f")).toBe('"\\u202e\\udb40\\udc41\\u007f"');
  });
});

describe("what is logged", () => {
  const logged = (...told: unknown[]) => {
    const lines: unknown[][] = [];
    const log = (...all: unknown[]) => void lines.push(all);
    const own = { log, info: log, warn: log, error: log, debug: log };
    guard(own);
    own.warn(...told);
    return lines[0] as string[];
  };

  it("is plain, and the rest as it was", () => {
    const value = { a: 1 };
    expect(logged(`a${ESC}[31mb\u202e\n`, value)).toEqual(["ab\ufffd ", value]);
  });

  it("keeps the lines of an error's stack, and loses its addresses' queries", () => {
    const cause = new Error(`because${ESC}]0;x\u0007`);
    const error = new Error("no https://cdn.example/a?X-Amz-Signature=s3cret here", { cause });
    const [text = ""] = logged(error);
    expect(text).toContain("no https://cdn.example/a?… here");
    expect(text).toMatch(/\n.*at /);
    expect(text).toMatch(/caused by because$/);
  });

  it("is guarded in the Worker", async () => {
    const before = console.warn;
    const heard: unknown[] = [];
    try {
      console.warn = (...told) => void heard.push(...told);
      guard(console);
      console.warn(`${ESC}[2Jx`);
    } finally {
      console.warn = before;
    }
    expect(heard).toEqual(["x"]);
  });
});

it.each([
  ["https://a.example/b?c=d", "https://a.example/b?…"],
  ["https://a.example/b#token=d", "https://a.example/b?…"],
  ["(http://127.0.0.1:1/?x=y z", "(http://127.0.0.1:1/?… z"],
  ["https://a.example/b: what? no", "https://a.example/b: what? no"],
])("an address without its query: %s", (text, expected) => {
  expect(withoutQueries(text)).toBe(expected);
  expect(reasonOf(new Error(text))).toBe(expected);
  expect(reasonOf(text)).toBe(expected);
});
