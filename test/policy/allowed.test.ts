// What a rule's lists let through, and what globs mean there.

import { describe, expect, it } from "vitest";
import { isNameAllowed, isTagAllowed, speaksOfTags } from "../../src/policy/allowed.ts";
import { globMatcher, matchesTag } from "../../src/policy/glob.ts";
import { ruleOf } from "../config/rules.ts";

const source = (fields: object, repository: string) => ({ rule: ruleOf(fields), repository });
const hub = { upstream: "docker.io" };

describe("an official image of Docker Hub's", () => {
  const proxy = { upstream: "harbor.example", upstreamPrefix: "hub-proxy", dockerHub: true };
  const nexus = { upstream: "https://nexus.example/repository/hub", dockerHub: true };

  it.each<[string, object, string, boolean]>([
    ["of Docker Hub's", hub, "library/alpine", true],
    ["behind a proxy's project", proxy, "hub-proxy/library/alpine", true],
    ["behind a proxy's path", nexus, "library/alpine", true],
    ["another repository there", proxy, "hub-proxy/library/alpine2", false],
    ["of a namespace", proxy, "hub-proxy/team/alpine", false],
    ["of more parts", proxy, "hub-proxy/library/a/alpine", false],
    ["where nothing says so", { ...proxy, dockerHub: false }, "hub-proxy/library/alpine", false],
    [
      "of a namespace of Docker Hub's: another repository",
      { ...hub, upstreamPrefix: "team" },
      "team/library/alpine",
      false,
    ],
  ])("%s, is meant by its short name: %s, %s", (_, fields, repository, expected) => {
    expect(isNameAllowed(source({ ...fields, allow: ["alpine"] }, repository))).toBe(expected);
    expect(isNameAllowed(source({ ...fields, deny: ["alpine"] }, repository))).toBe(!expected);
  });
});

describe("a glob", () => {
  it.each([
    ["library/*", "library/alpine", true],
    ["library/*", "library/a/b", false],
    ["library/*", "library", false],
    ["team/**", "team/a/b", true],
    ["team/**", "team/a", true],
    ["**/app", "a/b/app", true],
    ["**/app", "app", true],
    ["a/**/z", "a/b/c/z", true],
    ["*", "a/b/c", true],
    ["**", "a/b/c", true],
    ["a*", "abc", true],
    ["a*", "a/b", false],
    ["a?c", "abc", true],
    ["a?c", "a/c", false],
    ["{a,b}/x", "b/x", true],
    ["{a,b}/x", "c/x", false],
    ["v[0-9]*", "v1.2", true],
    ["v[0-9]*", "vx", false],
    ["v[!0-9]*", "vx", true],
    ["a.b", "a.b", true],
    ["a.b", "axb", false],
    ["*.x", ".x", true],
    ["x", "xy", false],
    ["x+", "xx", false],
  ])("%s, and %s: %s", (glob, text, expected) => {
    expect(globMatcher(glob)(text)).toBe(expected);
  });

  it.each([
    ["v*", "v1", true],
    ["v*", "1v", false],
    ["app:v*", "v1", true],
    ["app:v*", "w1", false],
    ["other:v*", "v1", false],
    ["*:v1", "v1", true],
  ])("over tags of app: %s, and %s: %s", (glob, tag, expected) => {
    expect(matchesTag(glob, ["app"], tag)).toBe(expected);
  });
});

describe("a tag", () => {
  it.each<[string, object, string, string, boolean]>([
    ["no lists", {}, "a/b", "1", true],
    ["allowed by name", { allow: ["a/*"] }, "a/b", "1", true],
    ["not allowed by name", { allow: ["a/*"] }, "c/b", "1", false],
    ["allowed by tag", { allow: ["a/b:1.*"] }, "a/b", "1.2", true],
    ["not allowed by tag", { allow: ["a/b:1.*"] }, "a/b", "2.0", false],
    ["denied by name", { deny: ["a/*"] }, "a/b", "1", false],
    ["denied by tag", { deny: ["*:latest"] }, "a/b/c", "latest", false],
    ["not denied by tag", { deny: ["*:latest"] }, "a/b/c", "1", true],
    ["denied wins", { allow: ["a/b"], deny: ["a/b:1"] }, "a/b", "1", false],
    ["denied wins, by name", { allow: ["a/b:1"], deny: ["a/b"] }, "a/b", "1", false],
    ["tags keep their case", { allow: ["a/b:V*"] }, "a/b", "v1", false],
    [
      "under upstreamPrefix, the name behind it",
      { upstreamPrefix: "t/u", allow: ["b"] },
      "t/u/b",
      "1",
      true,
    ],
    [
      "an official image, by its whole name",
      { ...hub, allow: ["library/*"] },
      "library/alpine",
      "1",
      true,
    ],
    [
      "an official image, by its short name",
      { ...hub, allow: ["alpine"] },
      "library/alpine",
      "1",
      true,
    ],
    [
      "denied by its short name",
      { ...hub, deny: ["alpine:edge"] },
      "library/alpine",
      "edge",
      false,
    ],
    ["another official image", { ...hub, allow: ["nginx"] }, "library/alpine", "1", false],
    ["another that is denied", { ...hub, deny: ["nginx:*"] }, "library/alpine", "1", true],
    ["no official image", { ...hub, allow: ["alpine*"] }, "alpinevil/x", "1", false],
    [
      "library elsewhere is a name like others",
      { allow: ["alpine"] },
      "library/alpine",
      "1",
      false,
    ],
  ])("%s", (_, fields, repository, tag, expected) => {
    expect(isTagAllowed(source(fields, repository), tag)).toBe(expected);
  });
});

describe("a name", () => {
  it.each<[string, object, string, boolean, boolean]>([
    ["no lists", {}, "a/b", true, false],
    ["allowed", { allow: ["a/b"] }, "a/b", true, false],
    ["not allowed", { allow: ["a/b"] }, "a/c", false, true],
    ["allowed for some tags", { allow: ["a/b:1"] }, "a/b", true, true],
    ["allowed for all tags, and some", { allow: ["a/b", "a/b:1"] }, "a/b", true, false],
    ["allowed for all tags, in so many words", { allow: ["a/b:*"] }, "a/b", true, false],
    ["denied", { deny: ["a/**"] }, "a/b", false, false],
    ["denied for some tags", { deny: ["a/b:1"] }, "a/b", true, true],
    ["denied for some tags of another", { deny: ["a/c:1"] }, "a/b", true, false],
    ["denied for all tags, in so many words", { deny: ["a/b:*"] }, "a/b", false, false],
  ])("%s", (_, fields, repository, allowed, ofTags) => {
    expect(isNameAllowed(source(fields, repository))).toBe(allowed);
    if (allowed) expect(speaksOfTags(source(fields, repository))).toBe(ofTags);
  });
});
