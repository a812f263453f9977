// Where a sign-in leads back to: a path of this cache, whatever was asked for.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { pathIn } from "../../src/http/shared/console-host.ts";
import { ADMIN, shutCache } from "../support/access.ts";
import { Browser } from "../support/browser.ts";

const ORIGIN = "https://cache.example";

/** What leads elsewhere, or would once it was decoded. */
const ELSEWHERE = [
  "//evil.example",
  "///evil.example",
  "/\\evil.example",
  "\\\\evil.example",
  "/\t/evil.example",
  "/\n/evil.example",
  "/\r\n/evil.example",
  "\t//evil.example",
  " //evil.example",
  "/\t\\evil.example",
  "/%09/evil.example",
  "/%0a/evil.example",
  "/%0D%0A/evil.example",
  "/%2f%2fevil.example",
  "/%2fevil.example",
  "%2f%2fevil.example",
  "/%5cevil.example",
  "/%5C%5Cevil.example",
  "/%252f%252fevil.example",
  "/%25252fevil.example",
  "/%2509/evil.example",
  "/.//evil.example",
  "/..//evil.example",
  "/a/..//evil.example",
  "/%2e//evil.example",
  "/%2e%2e//evil.example",
  "/a/%2e%2e%2f%2fevil.example",
  "https://evil.example",
  "https:evil.example",
  "https:/evil.example",
  "HTTPS://evil.example/",
  "javascript:alert(1)",
  "java\nscript:alert(1)",
  "data:text/html,x",
  "@evil.example",
  ".evil.example",
  "",
  "evil.example",
  "?//evil.example",
];

describe("a path", () => {
  it.each(ELSEWHERE)("that could lead elsewhere is none: %j", (given) => {
    expect(pathIn(given)).toBe("/");
  });

  it.each([
    "/",
    "/images",
    "/images?q=alpine&sort=size",
    "/explain?reference=docker.io/library/alpine:3",
    "/explain?reference=https%3A%2F%2Fx//y",
    "/tokens#token-1",
    "/images/open%2Fx",
    "/images?q=a%20b%5c%09",
  ])("of ours stays as it is: %s", (given) => {
    expect(pathIn(given)).toBe(given);
  });

  it("that is too long is none", () => {
    expect(pathIn(`/${"a".repeat(5_000)}`)).toBe("/");
  });

  it("is of this origin to the real parser, whatever was given, and stays what it is", () => {
    const piece = fc.oneof(
      fc.constantFrom("/", "\\", "\t", "\r", "\n", "\0", " ", ".", "..", ":", "@", "?", "#", "%"),
      fc.constantFrom("%2f", "%5c", "%09", "%2e", "%25", "%00", "http:", "https://", "javascript:"),
      fc.constantFrom("evil.example", "／", "。", "\u2028", "[::1]", ";", "&"),
      fc.string({ unit: "binary", maxLength: 4 }),
    );
    const given = fc.oneof(
      fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join("")),
      fc.array(piece, { maxLength: 8 }).map((pieces) => `/${pieces.join("")}`),
    );
    const decoded = (text: string) =>
      text.replace(/%([0-7][0-9a-f])/gi, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
    fc.assert(
      fc.property(given, (text) => {
        const path = pathIn(text);
        expect(path).toMatch(/^\//);
        for (const origin of [ORIGIN, "http://127.0.0.1:8787"]) {
          expect(new URL(path, origin).origin).toBe(origin);
          expect(new URL(path, `${origin}/a/b`).origin).toBe(origin);
          const [own = ""] = path.split(/[?#]/);
          expect(new URL(decoded(own), origin).origin).toBe(origin);
        }
        expect(pathIn(path)).toBe(path);
      }),
      { numRuns: 5_000 },
    );
  });
});

it("no sign-in leads elsewhere, by the form, its page or Cloudflare Access' way", async () => {
  for (const to of ELSEWHERE) {
    const cache = shutCache();
    const sent = await new Browser(cache).once("POST", "/sign-in", {
      fields: { token: ADMIN, to },
    });
    expect([to, sent.status, sent.headers.get("location")]).toEqual([to, 303, "/"]);
    const page = await new Browser(cache).once("GET", `/sign-in?to=${encodeURIComponent(to)}`, {});
    expect(await page.text()).toContain('name="to" value="/"');
    const team = await cache.ask(`${ORIGIN}/api/sign-in?to=${encodeURIComponent(to)}`, {
      redirect: "manual",
      headers: { Authorization: `Bearer ${ADMIN}` },
    });
    expect([to, team.status, team.headers.get("location")]).toEqual([to, 303, "/"]);
  }
});
