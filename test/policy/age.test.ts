// Minimum age: which digest of a tag is served, and how its history grows.

import { describe, expect, it } from "vitest";
import { ageVerdict, minimumAgeFor, verdictOf } from "../../src/policy/age.ts";
import { freshnessOf, type TagMapping } from "../../src/policy/fresh.ts";
import { pushTimesOf } from "../../src/policy/push-times.ts";
import { ruleOf } from "../config/rules.ts";
import { A, B, C, HOUR, minimum, NOW, pushed, released, verdictOn } from "./aging.ts";

describe("a tag", () => {
  it.each<[string, Parameters<typeof verdictOn>, string]>([
    ["seen for long enough passes", [[[A, -10, 0]]], "passed"],
    ["seen a moment too short is refused", [[[A, -9.99, 0]]], "nothing, 0.01"],
    ["grows older by checks alone, not by time", [[[A, -20, -11]]], "nothing, -10"],
    [
      "that moved keeps its old digest",
      [
        [
          [A, -30, -5],
          [B, -4, 0],
        ],
      ],
      "A, 6",
    ],
    [
      "that moved long ago has its new digest",
      [
        [
          [A, -30, -11],
          [B, -10, 0],
        ],
      ],
      "passed",
    ],
    [
      "that moved back has its old digest",
      [
        [
          [A, -30, -5],
          [B, -4, -2],
          [A, -1, 0],
        ],
      ],
      "passed",
    ],
    [
      "of two candidates is held by the later",
      [
        [
          [A, -30, -9],
          [B, -8, -2],
          [C, -1, 0],
        ],
      ],
      "A, 9",
    ],
    [
      "keeps the last digest that was old enough, although a later one was superseded",
      [
        [
          [A, -60, -40],
          [B, -39, -20],
          [A, -19, -15],
          [C, -1, 0],
        ],
      ],
      "B, 9",
    ],
    [
      "whose superseded candidate comes back starts anew",
      [
        [
          [A, -60, -20],
          [B, -19, -12],
          [A, -11.5, -10],
          [B, -9, 0],
        ],
      ],
      "A, 1",
    ],
    [
      "that was never old enough has no digest",
      [
        [
          [A, -30, -25],
          [B, -24, -20],
          [C, -1, 0],
        ],
      ],
      "nothing, 9",
    ],
    [
      "released passes",
      [
        [
          [A, -30, -5],
          [B, -4, 0, released(1)],
        ],
      ],
      "passed",
    ],
    [
      "released for a time that is over is held",
      [
        [
          [A, -30, -5],
          [B, -4, 0, released(0)],
        ],
      ],
      "A, 6",
    ],
    [
      "keeps a released digest that was superseded",
      [
        [
          [A, -60, -30],
          [B, -29, -25, released(1)],
          [C, -1, 0],
        ],
      ],
      "B, 9",
    ],
    [
      "that the upstream deleted and one keeps grows no older",
      [
        [
          [A, -60, -30],
          [B, -29, 0, { until: NOW - 25 * HOUR }],
        ],
      ],
      "A, no end",
    ],
    ["first seen is served under serve", [[[A, -1, 0]], { first: "serve" }], "passed"],
    [
      "that moved at once keeps its first digest under serve",
      [
        [
          [A, -2, -2],
          [B, -1, 0],
        ],
        { first: "serve" },
      ],
      "A, 9",
    ],
    [
      "with a second digest that aged leaves the first one under serve",
      [
        [
          [A, -60, -50],
          [B, -49, -30],
          [C, -1, 0],
        ],
        { first: "serve" },
      ],
      "B, 9",
    ],
    [
      "first seen is asked about under registry",
      [[[A, 0, 0]], { first: "registry" }, true],
      "lacks push time",
    ],
    ["of a registry without push times waits", [[[A, 0, 0]], { first: "registry" }], "nothing, 10"],
    ["pushed long ago passes", [[[A, 0, 0, pushed(-10)]], { first: "registry" }, true], "passed"],
    [
      "pushed lately waits from then on",
      [[[A, 0, 0, pushed(-7)]], { first: "registry" }, true],
      "nothing, 3",
    ],
    [
      "pushed in the future waits from when it was seen",
      [[[A, -1, 0, pushed(5)]], { first: "registry" }, true],
      "nothing, 9",
    ],
    [
      "pushed long ago keeps that digest when it moves",
      [
        [
          [A, -2, -2, pushed(-50)],
          [B, -1, 0],
        ],
        { first: "registry" },
        true,
      ],
      "A, 9",
    ],
    [
      "that moved is not judged by when its second digest was pushed",
      [
        [
          [A, -2, -2, pushed(-3)],
          [B, -1, 0, pushed(-50)],
        ],
        { first: "registry" },
        true,
      ],
      "nothing, 9",
    ],
    [
      "whose first digest became old enough by its push time after it was superseded has none",
      [
        [
          [A, -8, -8, pushed(-12)],
          [B, -1, 0],
        ],
        { first: "registry" },
        true,
      ],
      "nothing, 9",
    ],
    ["is not judged by push times under refuse", [[[A, -1, 0, pushed(-50)]]], "nothing, 9"],
  ])("%s", (_, args, expected) => {
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

  it.each<[string, object, string | undefined]>([
    ["docker.io", {}, "docker-hub"],
    ["quay.io", {}, "quay"],
    ["ghcr.io", {}, undefined],
    ["ghcr.io", { credentials: "GITHUB" }, "ghcr"],
    ["eu.gcr.io", {}, "artifact-registry"],
    ["europe-docker.pkg.dev", {}, "artifact-registry"],
    ["quay.io.example.com", {}, undefined],
    ["evil-quay.io", {}, undefined],
    ["mirror.example.com/quay.io", {}, undefined],
  ])("with the upstream %s %j has the push times of %s", (upstream, fields, expected) => {
    expect(pushTimesOf(ruleOf({ upstream, ...fields }))).toBe(expected);
  });

  const SECOND = 1000;
  it.each<[string, object, Partial<TagMapping>, string]>([
    ["old enough and immutable is fresh", { immutableTags: ["*"] }, {}, "fresh"],
    [
      "held and immutable is checked after tagTtl",
      { immutableTags: ["*"] },
      { seen: [{ digest: A, since: NOW - 2 * HOUR }] },
      "stale",
    ],
    [
      "held is fresh within tagTtl",
      { tagTtl: "3h" },
      { seen: [{ digest: A, since: NOW - 2 * HOUR }] },
      "fresh",
    ],
    [
      "whose time has come is checked at once",
      { tagTtl: "3h" },
      { seen: [{ digest: A, since: NOW - 24 * HOUR }], checkedAt: NOW - SECOND },
      "stale",
    ],
    [
      "without a history is checked at once",
      { tagTtl: "3h" },
      { seen: undefined as never },
      "stale",
    ],
  ])("a tag that is %s", (_, fields, more, expected) => {
    const seen = [{ digest: A, since: NOW - 90 * HOUR }];
    const mapping = { digest: A, checkedAt: NOW - 2 * HOUR, seen, ...more };
    const one = source({ minimumAge: "1d", ...fields });
    expect(freshnessOf(mapping, one, "1", NOW)).toBe(expected);
  });
});
