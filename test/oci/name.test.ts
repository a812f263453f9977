// Repository names and tags, by the grammars of distribution-spec.

import { describe, expect, it } from "vitest";
import { isRepositoryName, isTag } from "../../src/oci/name.ts";

describe("isRepositoryName", () => {
  it.each([
    "a",
    "0",
    "library/ubuntu",
    "a/b/c/d/e",
    "docker.io/library/ubuntu",
    "with.dot/with_one/with__two/with-dash/with---dashes",
    "tags",
    "manifests/blobs",
    "a".repeat(255),
    `${"a/".repeat(127)}a`,
  ])("%s", (name) => {
    expect(isRepositoryName(name)).toBe(true);
  });

  it.each([
    ["nothing", ""],
    ["upper case", "Library/ubuntu"],
    ["a slash first", "/a"],
    ["a slash last", "a/"],
    ["an empty part", "a//b"],
    ["a dot first", ".a"],
    ["a dot last", "a."],
    ["two dots", "a..b"],
    ["a step up", "a/../b"],
    ["three underscores", "a___b"],
    ["mixed separators", "a._b"],
    ["a dash last", "a-"],
    ["a port", "localhost:5000/a"],
    ["a space", "a b"],
    ["a NUL", "a\0b"],
    ["a line break at its end", "a\n"],
    ["letters beyond ASCII", "ä"],
    ["a tilde", "a~b"],
    ["percent signs", "a%2fb"],
    ["256 characters", "a".repeat(256)],
  ])("is false for %s", (_, name) => {
    expect(isRepositoryName(name)).toBe(false);
  });

  it("decides hostile names of the longest length at once", () => {
    // A grammar that backtracks would not come back from these.
    for (const part of ["a-", "a_", "a.", "-"]) {
      expect(isRepositoryName(`${part.repeat(254 / part.length)}!`)).toBe(false);
    }
  });
});

describe("isTag", () => {
  it.each(["latest", "1", "_", "v1.2.3-rc.1_x", "A", "22.04", "sha256-abc", "a".repeat(128)])(
    "%s",
    (tag) => {
      expect(isTag(tag)).toBe(true);
    },
  );

  it.each([
    ["nothing", ""],
    ["a dot first", ".a"],
    ["a dash first", "-a"],
    ["129 characters", "a".repeat(129)],
    ["a slash", "a/b"],
    ["a colon", "a:b"],
    ["a plus", "1.0+build"],
    ["a space", "a b"],
    ["a line break at its end", "a\n"],
    ["letters beyond ASCII", "ü"],
  ])("is false for %s", (_, tag) => {
    expect(isTag(tag)).toBe(false);
  });
});
