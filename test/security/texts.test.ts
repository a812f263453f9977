// The attack: a text that a parser takes quadratic time over, from a client that writes headers, queries or fields. Each of these is so long
// that a parser which looks at every pair of its characters would not be done within any test's time.

import { describe, expect, it } from "vitest";
import { isWithin, network } from "../../src/config/network.ts";
import { parseUpstream } from "../../src/config/upstream.ts";
import { accepts } from "../../src/oci/accept.ts";
import { nextPage } from "../../src/oci/link.ts";
import { isRepositoryName, isTag } from "../../src/oci/name.ts";
import { parsePath } from "../../src/oci/path.ts";
import { parseContentRange, parseRange } from "../../src/oci/range.ts";
import { parseReference } from "../../src/oci/reference.ts";
import { route } from "../../src/policy/route.ts";
import { parseChallenges } from "../../src/upstream/authorization/challenge.ts";
import { readBudget, readRetryAfter } from "../../src/upstream/health/limit.ts";

const LONG = 1_000_000;
/** What parsers stumble over when there is much of it. */
const UNITS = [
  "a",
  "0",
  "/",
  "//a",
  "-",
  ".",
  " ",
  "\t",
  ":",
  "<",
  "<>",
  "*",
  "[",
  "{",
  "=",
  '"',
  '\\"',
  ",",
  ";",
  "; ",
  "_",
  "@",
  "a=",
  "a=b,",
  'a="',
  "::",
  ":0",
  ".0",
  "?",
  "%",
  "a ",
  "rel",
];
const HEADS = ["", "/v2/", 'bytes="', 'Bearer realm="', "</x>; rel=", "https://h/a"];

const PARSERS: Record<string, (text: string) => unknown> = {
  Link: nextPage,
  "WWW-Authenticate": parseChallenges,
  Range: (text) => parseRange(text, 10),
  "Content-Range": parseContentRange,
  "RateLimit-Limit": (text) =>
    readBudget(new Headers({ "ratelimit-limit": text, "ratelimit-remaining": text }), 0),
  "Retry-After": (text) => readRetryAfter(text, 0),
  Accept: (text) => accepts(text, ["a/b"]),
  "a name": isRepositoryName,
  "a tag": isTag,
  "a path": parsePath,
  "a reference": (text) => parseReference(text, "h"),
  "a name that is routed": (name) => route([], { name, host: name, ns: name }),
  "an upstream": (text) => parseUpstream(text, true),
  "a network": (text) => network.safeParse(text),
  "an address": (text) => isWithin(text, ["10.0.0.0/8"]),
};

describe("a text as long as it can be is read, or refused, in time that is linear in it:", () => {
  it.each(Object.entries(PARSERS))("%s", (_, parse) => {
    for (const head of HEADS)
      for (const unit of UNITS)
        for (const tail of ["", "\u007f"]) {
          const text = head + unit.repeat(50_000 / unit.length) + tail;
          try {
            parse(text);
          } catch (error) {
            expect(error).toBeInstanceOf(Error);
          }
        }
  });

  it("a Link of a million open brackets leads nowhere", () => {
    expect(nextPage("<".repeat(LONG))).toBeUndefined();
    expect(nextPage(`${"<x".repeat(LONG)}>; rel=next`)?.toString()).toBe("");
    expect(nextPage(`${"<x>,".repeat(LONG / 10)}<?a=1>; rel=next`)?.toString()).toBe("a=1");
  });

  it("an upstream of a million slashes is refused, or has them at its end", () => {
    expect(parseUpstream(`https://h.example/${"/".repeat(LONG)}`, false).base).toBe(
      "https://h.example",
    );
    expect(parseUpstream(`https://h.example/${"/".repeat(LONG)}x`, false).base).toContain("/x");
  });
});
