// Link headers, as registries page with them.

import { describe, expect, it } from "vitest";
import { nextPage } from "../../src/oci/link.ts";

describe("nextPage", () => {
  it.each([
    {
      title: "distribution's",
      header: '</v2/a/tags/list?last=x&n=10>; rel="next"',
      expected: { last: "x", n: "10" },
    },
    {
      title: "without quotes",
      header: "</v2/a/tags/list?last=x>; rel=next",
      expected: { last: "x" },
    },
    {
      title: "without blanks",
      header: '</v2/a/tags/list?last=x>;rel="next"',
      expected: { last: "x" },
    },
    {
      title: "with many blanks",
      header: '</v2/a/tags/list?last=x> ;  rel = "next"',
      expected: { last: "x" },
    },
    {
      title: "in upper case",
      header: '</v2/a/tags/list?last=x>; REL="NEXT"',
      expected: { last: "x" },
    },
    {
      title: "an absolute address",
      header: '<https://other.example/x?last=y>; rel="next"',
      expected: { last: "y" },
    },
    {
      title: "a query alone",
      header: '<?next_page=abc%3D>; rel="next"',
      expected: { next_page: "abc=" },
    },
    {
      title: "a percent-encoded value",
      header: '</v2/a/tags/list?last=a%26b>; rel="next"',
      expected: { last: "a&b" },
    },
    {
      title: "a comma in the address",
      header: '</v2/a/tags/list?last=a,b>; rel="next"',
      expected: { last: "a,b" },
    },
    { title: "no query", header: '</v2/a/tags/list>; rel="next"', expected: {} },
    {
      title: "behind another",
      header: '</first>; rel="first", </v2?last=x>; rel="next"',
      expected: { last: "x" },
    },
    {
      title: "before another",
      header: '</v2?last=x>; rel="next", </first?last=y>; rel="first"',
      expected: { last: "x" },
    },
    {
      title: "with another parameter before",
      header: '</v2?last=x>; title="t"; rel="next"',
      expected: { last: "x" },
    },
    {
      title: "one relation among several",
      header: '</v2?last=x>; rel="last next"',
      expected: { last: "x" },
    },
  ])("$title", ({ header, expected }) => {
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
