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

  it.each<{ title: string; fields: object; repository: string; expected: boolean }>([
    { title: "of Docker Hub's", fields: hub, repository: "library/alpine", expected: true },
    {
      title: "behind a proxy's project",
      fields: proxy,
      repository: "hub-proxy/library/alpine",
      expected: true,
    },
    { title: "behind a proxy's path", fields: nexus, repository: "library/alpine", expected: true },
    {
      title: "another repository there",
      fields: proxy,
      repository: "hub-proxy/library/alpine2",
      expected: false,
    },
    {
      title: "of a namespace",
      fields: proxy,
      repository: "hub-proxy/team/alpine",
      expected: false,
    },
    {
      title: "of more parts",
      fields: proxy,
      repository: "hub-proxy/library/a/alpine",
      expected: false,
    },
    {
      title: "where nothing says so",
      fields: { ...proxy, dockerHub: false },
      repository: "hub-proxy/library/alpine",
      expected: false,
    },
    {
      title: "of a namespace of Docker Hub's: another repository",
      fields: { ...hub, upstreamPrefix: "team" },
      repository: "team/library/alpine",
      expected: false,
    },
  ])(
    "$title, is meant by its short name: $repository, $expected",
    ({ fields, repository, expected }) => {
      expect(isNameAllowed(source({ ...fields, allow: ["alpine"] }, repository))).toBe(expected);
      expect(isNameAllowed(source({ ...fields, deny: ["alpine"] }, repository))).toBe(!expected);
    },
  );
});

describe("a glob", () => {
  it.each([
    { glob: "library/*", text: "library/alpine", expected: true },
    { glob: "library/*", text: "library/a/b", expected: false },
    { glob: "library/*", text: "library", expected: false },
    { glob: "team/**", text: "team/a/b", expected: true },
    { glob: "team/**", text: "team/a", expected: true },
    { glob: "**/app", text: "a/b/app", expected: true },
    { glob: "**/app", text: "app", expected: true },
    { glob: "a/**/z", text: "a/b/c/z", expected: true },
    { glob: "*", text: "a/b/c", expected: true },
    { glob: "**", text: "a/b/c", expected: true },
    { glob: "a*", text: "abc", expected: true },
    { glob: "a*", text: "a/b", expected: false },
    { glob: "a?c", text: "abc", expected: true },
    { glob: "a?c", text: "a/c", expected: false },
    { glob: "{a,b}/x", text: "b/x", expected: true },
    { glob: "{a,b}/x", text: "c/x", expected: false },
    { glob: "v[0-9]*", text: "v1.2", expected: true },
    { glob: "v[0-9]*", text: "vx", expected: false },
    { glob: "v[!0-9]*", text: "vx", expected: true },
    { glob: "a.b", text: "a.b", expected: true },
    { glob: "a.b", text: "axb", expected: false },
    { glob: "*.x", text: ".x", expected: true },
    { glob: "x", text: "xy", expected: false },
    { glob: "x+", text: "xx", expected: false },
  ])("$glob, and $text: $expected", ({ glob, text, expected }) => {
    expect(globMatcher(glob)(text)).toBe(expected);
  });

  it.each([
    { glob: "v*", tag: "v1", expected: true },
    { glob: "v*", tag: "1v", expected: false },
    { glob: "app:v*", tag: "v1", expected: true },
    { glob: "app:v*", tag: "w1", expected: false },
    { glob: "other:v*", tag: "v1", expected: false },
    { glob: "*:v1", tag: "v1", expected: true },
  ])("over tags of app: $glob, and $tag: $expected", ({ glob, tag, expected }) => {
    expect(matchesTag(glob, ["app"], tag)).toBe(expected);
  });
});

describe("a tag", () => {
  it.each<{ title: string; fields: object; repository: string; tag: string; expected: boolean }>([
    { title: "no lists", fields: {}, repository: "a/b", tag: "1", expected: true },
    {
      title: "allowed by name",
      fields: { allow: ["a/*"] },
      repository: "a/b",
      tag: "1",
      expected: true,
    },
    {
      title: "not allowed by name",
      fields: { allow: ["a/*"] },
      repository: "c/b",
      tag: "1",
      expected: false,
    },
    {
      title: "allowed by tag",
      fields: { allow: ["a/b:1.*"] },
      repository: "a/b",
      tag: "1.2",
      expected: true,
    },
    {
      title: "not allowed by tag",
      fields: { allow: ["a/b:1.*"] },
      repository: "a/b",
      tag: "2.0",
      expected: false,
    },
    {
      title: "denied by name",
      fields: { deny: ["a/*"] },
      repository: "a/b",
      tag: "1",
      expected: false,
    },
    {
      title: "denied by tag",
      fields: { deny: ["*:latest"] },
      repository: "a/b/c",
      tag: "latest",
      expected: false,
    },
    {
      title: "not denied by tag",
      fields: { deny: ["*:latest"] },
      repository: "a/b/c",
      tag: "1",
      expected: true,
    },
    {
      title: "denied wins",
      fields: { allow: ["a/b"], deny: ["a/b:1"] },
      repository: "a/b",
      tag: "1",
      expected: false,
    },
    {
      title: "denied wins, by name",
      fields: { allow: ["a/b:1"], deny: ["a/b"] },
      repository: "a/b",
      tag: "1",
      expected: false,
    },
    {
      title: "tags keep their case",
      fields: { allow: ["a/b:V*"] },
      repository: "a/b",
      tag: "v1",
      expected: false,
    },
    {
      title: "under upstreamPrefix, the name behind it",
      fields: { upstreamPrefix: "t/u", allow: ["b"] },
      repository: "t/u/b",
      tag: "1",
      expected: true,
    },
    {
      title: "an official image, by its whole name",
      fields: { ...hub, allow: ["library/*"] },
      repository: "library/alpine",
      tag: "1",
      expected: true,
    },
    {
      title: "an official image, by its short name",
      fields: { ...hub, allow: ["alpine"] },
      repository: "library/alpine",
      tag: "1",
      expected: true,
    },
    {
      title: "denied by its short name",
      fields: { ...hub, deny: ["alpine:edge"] },
      repository: "library/alpine",
      tag: "edge",
      expected: false,
    },
    {
      title: "another official image",
      fields: { ...hub, allow: ["nginx"] },
      repository: "library/alpine",
      tag: "1",
      expected: false,
    },
    {
      title: "another that is denied",
      fields: { ...hub, deny: ["nginx:*"] },
      repository: "library/alpine",
      tag: "1",
      expected: true,
    },
    {
      title: "no official image",
      fields: { ...hub, allow: ["alpine*"] },
      repository: "alpinevil/x",
      tag: "1",
      expected: false,
    },
    {
      title: "library elsewhere is a name like others",
      fields: { allow: ["alpine"] },
      repository: "library/alpine",
      tag: "1",
      expected: false,
    },
  ])("$title", ({ fields, repository, tag, expected }) => {
    expect(isTagAllowed(source(fields, repository), tag)).toBe(expected);
  });
});

describe("a name", () => {
  it.each<{ title: string; fields: object; repository: string; allowed: boolean; ofTags: boolean }>(
    [
      { title: "no lists", fields: {}, repository: "a/b", allowed: true, ofTags: false },
      {
        title: "allowed",
        fields: { allow: ["a/b"] },
        repository: "a/b",
        allowed: true,
        ofTags: false,
      },
      {
        title: "not allowed",
        fields: { allow: ["a/b"] },
        repository: "a/c",
        allowed: false,
        ofTags: true,
      },
      {
        title: "allowed for some tags",
        fields: { allow: ["a/b:1"] },
        repository: "a/b",
        allowed: true,
        ofTags: true,
      },
      {
        title: "allowed for all tags, and some",
        fields: { allow: ["a/b", "a/b:1"] },
        repository: "a/b",
        allowed: true,
        ofTags: false,
      },
      {
        title: "allowed for all tags, in so many words",
        fields: { allow: ["a/b:*"] },
        repository: "a/b",
        allowed: true,
        ofTags: false,
      },
      {
        title: "denied",
        fields: { deny: ["a/**"] },
        repository: "a/b",
        allowed: false,
        ofTags: false,
      },
      {
        title: "denied for some tags",
        fields: { deny: ["a/b:1"] },
        repository: "a/b",
        allowed: true,
        ofTags: true,
      },
      {
        title: "denied for some tags of another",
        fields: { deny: ["a/c:1"] },
        repository: "a/b",
        allowed: true,
        ofTags: false,
      },
      {
        title: "denied for all tags, in so many words",
        fields: { deny: ["a/b:*"] },
        repository: "a/b",
        allowed: false,
        ofTags: false,
      },
    ],
  )("$title", ({ fields, repository, allowed, ofTags }) => {
    expect(isNameAllowed(source(fields, repository))).toBe(allowed);
    if (allowed) expect(speaksOfTags(source(fields, repository))).toBe(ofTags);
  });
});
