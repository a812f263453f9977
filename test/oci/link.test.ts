// Link headers, as registries page with them.

import { describe, expect, it } from "vitest";
import { nextPage } from "../../src/oci/link.ts";

describe("nextPage", () => {
  it.each([
    ["distribution's", '</v2/a/tags/list?last=x&n=10>; rel="next"', { last: "x", n: "10" }],
    ["without quotes", "</v2/a/tags/list?last=x>; rel=next", { last: "x" }],
    ["without blanks", '</v2/a/tags/list?last=x>;rel="next"', { last: "x" }],
    ["with many blanks", '</v2/a/tags/list?last=x> ;  rel = "next"', { last: "x" }],
    ["in upper case", '</v2/a/tags/list?last=x>; REL="NEXT"', { last: "x" }],
    ["an absolute address", '<https://other.example/x?last=y>; rel="next"', { last: "y" }],
    ["a query alone", '<?next_page=abc%3D>; rel="next"', { next_page: "abc=" }],
    ["a percent-encoded value", '</v2/a/tags/list?last=a%26b>; rel="next"', { last: "a&b" }],
    ["a comma in the address", '</v2/a/tags/list?last=a,b>; rel="next"', { last: "a,b" }],
    ["no query", '</v2/a/tags/list>; rel="next"', {}],
    ["behind another", '</first>; rel="first", </v2?last=x>; rel="next"', { last: "x" }],
    ["before another", '</v2?last=x>; rel="next", </first?last=y>; rel="first"', { last: "x" }],
    ["with another parameter before", '</v2?last=x>; title="t"; rel="next"', { last: "x" }],
    ["one relation among several", '</v2?last=x>; rel="last next"', { last: "x" }],
  ])("%s", (_, header, expected) => {
    const page = nextPage(header);
    expect(page && Object.fromEntries(page)).toEqual(expected);
  });

  it.each([
    ["none", null],
    ["an empty one", ""],
    ["another relation", '</v2?last=x>; rel="prev"'],
    ["a relation whose name begins the same", '</v2?last=x>; rel="next-archive"'],
    ["no relation", "</v2?last=x>"],
    ["no address", 'rel="next"'],
    ["an address that does not end", '</v2?last=x; rel="next"'],
    ["a parameter whose name ends the same", '</v2?last=x>; xrel="next"'],
    ["the relation of the other", '</v2?last=x>, </v2?last=y>; rel="prev"'],
  ])("there is no next page with %s", (_, header) => {
    expect(nextPage(header)).toBeUndefined();
  });
});
