// What rules have prewarmed: how it is written, when it is due, which tags are the newest, and that it is begun once at its time.

import { describe, expect, it } from "vitest";
import { readConfig } from "../../src/config/read.ts";
import { blobsIn, childrenFor, newestOf, partsOf } from "../../src/prewarm/contents.ts";
import { type Scheduled, scheduledIn, timesOf } from "../../src/prewarm/schedule.ts";
import { GOOD, problemsOf } from "../config/rules.ts";

const at = (...times: string[]) => {
  const prewarm = [{ at: times, references: ["a:1"] }];
  const [scheduled] = scheduledIn(readConfig({ RULES: [{ ...GOOD, prewarm }] }));
  return (scheduled as Scheduled).entry;
};

it.each([
  {
    now: "2026-11-27T05:29:59Z",
    times: ["05:30"],
    last: "2026-11-26T05:30:00Z",
    next: "2026-11-27T05:30:00Z",
  },
  {
    now: "2026-11-27T05:30:00Z",
    times: ["05:30"],
    last: "2026-11-27T05:30:00Z",
    next: "2026-11-28T05:30:00Z",
  },
  {
    now: "2026-11-27T12:00:00Z",
    times: ["05:30", "17:00"],
    last: "2026-11-27T05:30:00Z",
    next: "2026-11-27T17:00:00Z",
  },
  {
    now: "2026-11-27T23:59:59Z",
    times: ["00:00"],
    last: "2026-11-27T00:00:00Z",
    next: "2026-11-28T00:00:00Z",
  },
])("at $now, $times was due last at $last, and is next at $next", ({ now, times, last, next }) => {
  expect(timesOf(at(...times), Date.parse(now))).toEqual({
    last: Date.parse(last),
    next: Date.parse(next),
  });
});

describe("a rule's prewarm", () => {
  it("is named as clients name it", () => {
    const prewarm = [
      { at: "05:30", references: ["library/alpine:3"] },
      { at: "05:30", repository: "team/app", tags: "v*", newest: 5, platforms: ["all"] },
    ];
    const scheduled = scheduledIn(
      readConfig({ RULES: [{ ...GOOD, prefix: "hub.example", prewarm }] }),
    );
    expect(scheduled).toMatchObject([
      { references: ["hub.example/library/alpine:3"], newest: [] },
      {
        references: [],
        newest: [{ name: "hub.example/team/app", tags: "v*", count: 5 }],
        entry: { platforms: ["all"] },
      },
    ]);
  });

  it.each([
    [{ at: "5:30", references: ["a:1"] }, "RULES[0].prewarm[0].at: must be a time of day"],
    [{ at: "05:30" }, "RULES[0].prewarm[0]: must have either references or a repository"],
    [{ at: "05:30", references: ["a"] }, "RULES[0].prewarm[0].references[0]: must be an image"],
    [{ at: "05:30", repository: "a", newest: 99 }, "RULES[0].prewarm[0].newest: "],
    [{ at: "05:30", references: ["a:1"], platforms: ["x"] }, "prewarm[0].platforms[0]: must be"],
    [{ at: "05:30", references: ["a:1"], when: 1 }, "RULES[0].prewarm[0].when: is not a field"],
  ])("%j is refused", (entry, message) => {
    expect(problemsOf({ RULES: [{ ...GOOD, prewarm: [entry] }] }).join("\n")).toContain(message);
  });
});

it.each([
  { tags: ["1.9", "1.10", "1.2"], count: 2, newest: ["1.10", "1.9"] },
  { tags: ["v2.0.0-rc.1", "v2.0.0", "v1.9.9"], count: 2, newest: ["v2.0.0", "v2.0.0-rc.1"] },
  { tags: ["20261127", "20261126", "20250101"], count: 1, newest: ["20261127"] },
  { tags: ["3.20.1", "3.20", "3", "3.9"], count: 3, newest: ["3.20.1", "3.20", "3.9"] },
  { tags: [], count: 3, newest: [] },
])("of $tags the newest $count are $newest", ({ tags, count, newest }) => {
  expect(newestOf(tags, count)).toEqual(newest);
});

describe("contents", () => {
  const bytes = (body: object) => new TextEncoder().encode(JSON.stringify(body));
  const digest = (of: string) => `sha256:${of.repeat(64)}`;
  const child = (of: string, os: string, architecture: string, variant?: string) => ({
    digest: digest(of),
    platform: { os, architecture, ...(variant && { variant }) },
  });
  const manifests = [
    child("a", "linux", "amd64"),
    child("b", "linux", "arm", "v7"),
    child("c", "linux", "arm", "v6"),
    child("d", "unknown", "unknown"),
  ];

  it.each([
    { platforms: ["linux/amd64"], children: ["a"], missing: [] },
    { platforms: ["linux/arm"], children: ["b", "c"], missing: [] },
    { platforms: ["linux/arm/v7"], children: ["b"], missing: [] },
    { platforms: ["linux/amd64", "linux/s390x"], children: ["a"], missing: ["linux/s390x"] },
    { platforms: ["all"], children: ["a", "b", "c", "d"], missing: [] },
  ])("for $platforms are $children", ({ platforms, children, missing }) => {
    expect(childrenFor(partsOf(bytes({ manifests })), platforms)).toEqual({
      children: children.map(digest),
      missing,
    });
  });

  it("are config and layers with their sizes, but for foreign ones", () => {
    const body = {
      config: { digest: digest("1"), size: 5 },
      layers: [
        { digest: digest("2"), size: 7 },
        { digest: digest("3"), size: 9, urls: ["https://elsewhere.example"] },
        { digest: digest("4"), size: -1 },
      ],
    };
    expect(blobsIn(partsOf(bytes(body)), ["all"])).toEqual([
      { digest: digest("1"), size: 5 },
      { digest: digest("2"), size: 7 },
      { digest: digest("4"), size: 0 },
    ]);
  });
});
