// Minimum age: which digest of a tag is served, and how its history grows.

import { describe, expect, it } from "vitest";
import { ageVerdict, minimumAgeFor, verdictOf } from "../../src/policy/age.ts";
import { freshnessOf, type TagMapping } from "../../src/policy/fresh.ts";
import { pushTimesOf } from "../../src/policy/push-times.ts";
import { ruleOf } from "../config/rules.ts";
import { A, B, C, HOUR, minimum, NOW, pushed, released, verdictOn } from "./aging.ts";

describe("a tag", () => {
  it.each<{ title: string; args: Parameters<typeof verdictOn>; expected: string }>([
    { title: "seen for long enough passes", args: [[[A, -10, 0]]], expected: "passed" },
    {
      title: "seen a moment too short is refused",
      args: [[[A, -9.99, 0]]],
      expected: "nothing, 0.01",
    },
    {
      title: "grows older by checks alone, not by time",
      args: [[[A, -20, -11]]],
      expected: "nothing, -10",
    },
    {
      title: "that moved keeps its old digest",
      args: [
        [
          [A, -30, -5],
          [B, -4, 0],
        ],
      ],
      expected: "A, 6",
    },
    {
      title: "that moved long ago has its new digest",
      args: [
        [
          [A, -30, -11],
          [B, -10, 0],
        ],
      ],
      expected: "passed",
    },
    {
      title: "that moved back has its old digest",
      args: [
        [
          [A, -30, -5],
          [B, -4, -2],
          [A, -1, 0],
        ],
      ],
      expected: "passed",
    },
    {
      title: "of two candidates is held by the later",
      args: [
        [
          [A, -30, -9],
          [B, -8, -2],
          [C, -1, 0],
        ],
      ],
      expected: "A, 9",
    },
    {
      title: "keeps the last digest that was old enough, although a later one was superseded",
      args: [
        [
          [A, -60, -40],
          [B, -39, -20],
          [A, -19, -15],
          [C, -1, 0],
        ],
      ],
      expected: "B, 9",
    },
    {
      title: "whose superseded candidate comes back starts anew",
      args: [
        [
          [A, -60, -20],
          [B, -19, -12],
          [A, -11.5, -10],
          [B, -9, 0],
        ],
      ],
      expected: "A, 1",
    },
    {
      title: "that was never old enough has no digest",
      args: [
        [
          [A, -30, -25],
          [B, -24, -20],
          [C, -1, 0],
        ],
      ],
      expected: "nothing, 9",
    },
    {
      title: "released passes",
      args: [
        [
          [A, -30, -5],
          [B, -4, 0, released(1)],
        ],
      ],
      expected: "passed",
    },
    {
      title: "released for a time that is over is held",
      args: [
        [
          [A, -30, -5],
          [B, -4, 0, released(0)],
        ],
      ],
      expected: "A, 6",
    },
    {
      title: "keeps a released digest that was superseded",
      args: [
        [
          [A, -60, -30],
          [B, -29, -25, released(1)],
          [C, -1, 0],
        ],
      ],
      expected: "B, 9",
    },
    {
      title: "that the upstream deleted and one keeps grows no older",
      args: [
        [
          [A, -60, -30],
          [B, -29, 0, { until: NOW - 25 * HOUR }],
        ],
      ],
      expected: "A, no end",
    },
    {
      title: "first seen is served under serve",
      args: [[[A, -1, 0]], { first: "serve" }],
      expected: "passed",
    },
    {
      title: "that moved at once keeps its first digest under serve",
      args: [
        [
          [A, -2, -2],
          [B, -1, 0],
        ],
        { first: "serve" },
      ],
      expected: "A, 9",
    },
    {
      title: "with a second digest that aged leaves the first one under serve",
      args: [
        [
          [A, -60, -50],
          [B, -49, -30],
          [C, -1, 0],
        ],
        { first: "serve" },
      ],
      expected: "B, 9",
    },
    {
      title: "first seen is asked about under registry",
      args: [[[A, 0, 0]], { first: "registry" }, true],
      expected: "lacks push time",
    },
    {
      title: "of a registry without push times waits",
      args: [[[A, 0, 0]], { first: "registry" }],
      expected: "nothing, 10",
    },
    {
      title: "pushed long ago passes",
      args: [[[A, 0, 0, pushed(-10)]], { first: "registry" }, true],
      expected: "passed",
    },
    {
      title: "pushed lately waits from then on",
      args: [[[A, 0, 0, pushed(-7)]], { first: "registry" }, true],
      expected: "nothing, 3",
    },
    {
      title: "pushed in the future waits from when it was seen",
      args: [[[A, -1, 0, pushed(5)]], { first: "registry" }, true],
      expected: "nothing, 9",
    },
    {
      title: "pushed long ago keeps that digest when it moves",
      args: [
        [
          [A, -2, -2, pushed(-50)],
          [B, -1, 0],
        ],
        { first: "registry" },
        true,
      ],
      expected: "A, 9",
    },
    {
      title: "that moved is not judged by when its second digest was pushed",
      args: [
        [
          [A, -2, -2, pushed(-3)],
          [B, -1, 0, pushed(-50)],
        ],
        { first: "registry" },
        true,
      ],
      expected: "nothing, 9",
    },
    {
      title:
        "whose first digest became old enough by its push time after it was superseded has none",
      args: [
        [
          [A, -8, -8, pushed(-12)],
          [B, -1, 0],
        ],
        { first: "registry" },
        true,
      ],
      expected: "nothing, 9",
    },
    {
      title: "is not judged by push times under refuse",
      args: [[[A, -1, 0, pushed(-50)]]],
      expected: "nothing, 9",
    },
  ])("$title", ({ args, expected }) => {
    expect(verdictOn(...args)).toBe(expected);
  });

  it("without a history, or with another digest's, has an unknown age", () => {
    const seen = [{ digest: A, since: NOW - 50 * HOUR }];
    for (const known of [
      { digest: A, checkedAt: NOW },
      { digest: A, checkedAt: NOW, seen: [] },
      { digest: B, checkedAt: NOW, seen },
    ])
      expect(ageVerdict(known, minimum(), false, NOW)).toEqual({ is: "open", lacks: "history" });
  });

  it("says how often it moved within its minimum age", () => {
    const seen = [{ digest: A, since: NOW }];
    const moves = [-11, -9, -3, -1].map((hours) => NOW + hours * HOUR);
    const verdict = ageVerdict({ digest: A, checkedAt: NOW, seen, moves }, minimum(), false, NOW);
    expect(verdict).toMatchObject({ is: "held", hold: { moves: 3 } });
  });
});

describe("a rule", () => {
  const source = (fields: object) => ({ rule: ruleOf(fields), repository: "acme/app" });

  it.each<[string[], boolean]>([
    [[], true],
    [["acme/**"], false],
    [["acme/app:nightly"], false],
    [["acme/app:v*", "other/**"], true],
    [["*:nightly"], false],
    [["*/*:v*", "acme/*/*"], true],
  ])("with the exceptions %j judges acme/app:nightly: %s", (minimumAgeExcept, expected) => {
    const judged = minimumAgeFor(source({ minimumAge: "1d", minimumAgeExcept }), "nightly");
    expect(judged !== undefined).toBe(expected);
  });

  it("without a minimum age lets anything pass", () => {
    expect(verdictOf({ digest: A, checkedAt: NOW }, source({}), "1", NOW)).toEqual({
      is: "passed",
    });
  });

  it.each<{ upstream: string; fields: object; expected: string | undefined }>([
    { upstream: "docker.io", fields: {}, expected: "docker-hub" },
    { upstream: "quay.io", fields: {}, expected: "quay" },
    { upstream: "ghcr.io", fields: {}, expected: undefined },
    { upstream: "ghcr.io", fields: { credentials: "GITHUB" }, expected: "ghcr" },
    { upstream: "eu.gcr.io", fields: {}, expected: "artifact-registry" },
    { upstream: "europe-docker.pkg.dev", fields: {}, expected: "artifact-registry" },
    { upstream: "quay.io.example.com", fields: {}, expected: undefined },
    { upstream: "evil-quay.io", fields: {}, expected: undefined },
    { upstream: "mirror.example.com/quay.io", fields: {}, expected: undefined },
  ])(
    "with the upstream $upstream $fields has the push times of $expected",
    ({ upstream, fields, expected }) => {
      expect(pushTimesOf(ruleOf({ upstream, ...fields }))).toBe(expected);
    },
  );

  const SECOND = 1000;
  it.each<{ title: string; fields: object; more: Partial<TagMapping>; expected: string }>([
    {
      title: "old enough and immutable is fresh",
      fields: { immutableTags: ["*"] },
      more: {},
      expected: "fresh",
    },
    {
      title: "held and immutable is checked after tagTtl",
      fields: { immutableTags: ["*"] },
      more: { seen: [{ digest: A, since: NOW - 2 * HOUR }] },
      expected: "stale",
    },
    {
      title: "held is fresh within tagTtl",
      fields: { tagTtl: "3h" },
      more: { seen: [{ digest: A, since: NOW - 2 * HOUR }] },
      expected: "fresh",
    },
    {
      title: "whose time has come is checked at once",
      fields: { tagTtl: "3h" },
      more: { seen: [{ digest: A, since: NOW - 24 * HOUR }], checkedAt: NOW - SECOND },
      expected: "stale",
    },
    {
      title: "without a history is checked at once",
      fields: { tagTtl: "3h" },
      more: { seen: undefined as never },
      expected: "stale",
    },
  ])("a tag that is $title", ({ fields, more, expected }) => {
    const seen = [{ digest: A, since: NOW - 90 * HOUR }];
    const mapping = { digest: A, checkedAt: NOW - 2 * HOUR, seen, ...more };
    const one = source({ minimumAge: "1d", ...fields });
    expect(freshnessOf(mapping, one, "1", NOW)).toBe(expected);
  });
});
