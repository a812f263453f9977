// Whether a text repeats a secret, however that is written.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { repeats } from "../../src/text/repeated.ts";

const SECRET = 's3cret/of+the-robot_&"ü';
const bytesOf = (text: string) => new TextEncoder().encode(text);
const base64 = (text: string) => btoa(String.fromCharCode(...bytesOf(text)));
const each = (text: string, write: (hex: string) => string) =>
  Array.from(bytesOf(text), (byte) => write(byte.toString(16).padStart(2, "0"))).join("");
const units = (text: string, write: (hex: string) => string) =>
  Array.from({ length: text.length }, (_, at) =>
    write(text.charCodeAt(at).toString(16).padStart(4, "0")),
  ).join("");

const WAYS: Record<string, (text: string) => string> = {
  plain: (text) => text,
  "in lower case": (text) => text.toLowerCase(),
  base64,
  "base64 without its padding": (text) => base64(text).replaceAll("=", ""),
  base64url: (text) => base64(text).replaceAll("+", "-").replaceAll("/", "_"),
  "base64 in lines": (text) => base64(text).replace(/.{5}/g, "$&\r\n"),
  "base64 behind one byte": (text) => base64(`x${text}yz`),
  "base64 behind two": (text) => base64(`:x${text}y`),
  "percent-encoded": encodeURIComponent,
  "percent-encoded throughout": (text) => each(text, (hex) => `%${hex}`),
  "percent-encoded twice": (text) => encodeURIComponent(encodeURIComponent(text)),
  "as a form": (text) => new URLSearchParams({ a: text }).toString(),
  hex: (text) => each(text, (hex) => hex),
  "hex in upper case": (text) => each(text, (hex) => hex.toUpperCase()),
  "JSON escapes": (text) => units(text, (hex) => `\\u${hex}`),
  JSON: (text) => JSON.stringify(text),
  "HTML by numbers": (text) =>
    Array.from(text, (one) => `&#${one.codePointAt(0) as number};`).join(""),
  "HTML by hexadecimal numbers": (text) =>
    Array.from(text, (one) => `&#x${(one.codePointAt(0) as number).toString(16)};`).join(""),
  "HTML by names": (text) => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;"),
  "base64, percent-encoded": (text) => encodeURIComponent(base64(`u:${text}`)),
  "with invisible characters in it": (text) => text.split("").join("\u200b"),
};

describe.each(Object.entries(WAYS))("%s", (_, write) => {
  it("is seen", () => {
    expect(repeats(`you sent ${write(SECRET)}, which is wrong`, ["other-secret", SECRET])).toBe(
      true,
    );
  });

  it("is seen of any secret, wherever it stands", () => {
    const secret = fc.string({ unit: "grapheme-ascii", minLength: 8, maxLength: 40 });
    fc.assert(
      fc.property(secret, fc.string(), fc.string(), (one, before, after) => {
        // Of one that is made of little else than what encodings differ in, nothing is left.
        fc.pre(one.replace(/[\s+\-_/]/g, "").length >= 4);
        expect(repeats(`${before} ${write(one)} ${after}`, [one])).toBe(true);
      }),
    );
  });
});

describe("not seen", () => {
  it.each([
    {
      title: "another text",
      text: "denied: requested access to the resource is denied",
      secrets: [SECRET],
    },
    { title: "a part of one", text: "s3cret", secrets: [SECRET] },
    { title: "one that is shorter than words are", text: "a b c", secrets: ["a", "b c", ""] },
    { title: "none", text: "anything", secrets: [] },
    { title: "an empty text", text: "", secrets: [SECRET] },
    {
      title: "what cannot be decoded",
      text: "%zz &#x110000; &#99999999; \\u12 %ff",
      secrets: [SECRET],
    },
  ])("$title", ({ text, secrets }) => {
    expect(repeats(text, secrets)).toBe(false);
  });
});
