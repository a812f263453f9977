// Minimum age: which digest of a tag is served, and how its history grows.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { MinimumAge } from "../../src/config/age-fields.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { ageVerdict, minimumAgeFor, verdictOf } from "../../src/policy/age.ts";
import { freshnessOf, type TagMapping } from "../../src/policy/fresh.ts";
import { pushTimesOf } from "../../src/policy/push-times.ts";
import {
  amended,
  ended,
  type History,
  MAX_MOVES,
  MAX_SIGHTINGS,
  NOTHING_SEEN,
  type Sighting,
  sighted,
} from "../../src/policy/sightings.ts";
import { ruleOf } from "../config/rules.ts";

const HOUR = 3_600_000;
const NOW = 1_750_000_000_000;
const [A, B, C] = ["a", "b", "c"].map((one) => `sha256:${one.repeat(64)}` as Digest) as [
  Digest,
  Digest,
  Digest,
];

function minimum(fields: Partial<MinimumAge> = {}): MinimumAge {
  return { age: 10 * HOUR, mode: "enforce", except: [], first: "refuse", ...fields };
}

/** The verdict on a tag that was seen to mean these digests, each `[digest, from, to]` in hours from now; the last one up to its check. */
function verdictOn(
  spans: [Digest, number, number, Partial<Sighting>?][],
  fields: Partial<MinimumAge> = {},
  tellsPushTimes = false,
) {
  const seen = spans.map(([digest, from, to, more], at) => ({
    digest,
    since: NOW + from * HOUR,
    ...(at < spans.length - 1 && { until: NOW + to * HOUR }),
    ...more,
  }));
  const [digest, , to] = spans.at(-1) as [Digest, number, number];
  const known = { digest, checkedAt: NOW + to * HOUR, seen };
  const verdict = ageVerdict(known, minimum(fields), tellsPushTimes, NOW);
  if (verdict.is === "passed") return "passed";
  if (verdict.is === "open") return `lacks ${verdict.lacks}`;
  const { accepted, until } = verdict.hold;
  const name = accepted === undefined ? "nothing" : { [A]: "A", [B]: "B", [C]: "C" }[accepted];
  return `${name}, ${until === undefined ? "no end" : (until - NOW) / HOUR}`;
}

const released = (until: number) => ({
  released: { who: "x", reason: "y", at: NOW, until: NOW + until * HOUR },
});
const pushed = (at: number) => ({ pushedAt: NOW + at * HOUR });

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

describe("a history", () => {
  it("ends what it meant at the check that last confirmed it", () => {
    const first = sighted(NOTHING_SEEN, A, 100, 0);
    expect(sighted(first, A, 200, 100)).toBe(first);
    const moved = sighted(first, B, 300, 200);
    expect(moved).toEqual({
      seen: [
        { digest: A, since: 100, until: 200 },
        { digest: B, since: 300 },
      ],
      moves: [300],
    });
    expect(ended(moved, 350).seen.at(-1)).toEqual({ digest: B, since: 300, until: 350 });
    const back = sighted(ended(moved, 350), B, 400, 0);
    expect(back.seen.at(-1)).toEqual({ digest: B, since: 400 });
    expect(back.moves).toEqual([300]);
  });

  it("never ends before it began", () => {
    const moved = sighted(sighted(NOTHING_SEEN, A, 100, 0), B, 300, 50);
    expect(moved.seen[0]).toEqual({ digest: A, since: 100, until: 100 });
  });

  it("is amended for the digest that the tag means, and no other", () => {
    const moved = sighted(sighted(NOTHING_SEEN, A, 100, 0), B, 300, 200);
    expect(amended(moved, A, { pushedAt: 1 })).toBe(moved);
    expect(amended(moved, B, { pushedAt: 1 }).seen.at(-1)).toMatchObject({
      digest: B,
      pushedAt: 1,
    });
    expect(amended(ended(moved, 350), B, released(1)).seen.at(-1)).toMatchObject({
      until: 350,
      ...released(1),
    });
  });
});

/** A check that finds a digest after some time, or finds the tag gone; or a release of the current digest. */
type Step = { after: number } & ({ found: Digest } | { gone: true } | { release: number });

const DIGESTS = [A, B, C, ...["d", "e"].map((one) => `sha256:${one.repeat(64)}` as Digest)];
const steps = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        after: fc.integer({ min: 1, max: 12 }),
        found: fc.constantFrom(...DIGESTS),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        after: fc.integer({ min: 1, max: 12 }),
        gone: fc.constant(true as const),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ after: fc.constant(0), release: fc.integer({ min: 1, max: 30 }) }),
    },
  ),
  { minLength: 1, maxLength: 60 },
);

const RUNS = Number(import.meta.env.VITE_RUNS ?? 300);

it("any history serves only what was seen for long enough, and never goes back by itself", () => {
  const property = fc.property(
    steps,
    fc.constantFrom<MinimumAge["first"]>("serve", "refuse"),
    (all: Step[], first) => {
      const rule = minimum({ age: 10, first });
      let history: History = NOTHING_SEEN;
      let digest: Digest | undefined;
      let [now, checkedAt] = [1000, 0];
      /** All runs of one digest that were ever seen, as the model knows them: none is dropped. */
      const runs: { digest: Digest; since: number; last: number; current: boolean }[] = [];
      let acceptedRun = -1;
      let releases: { run: number; until: number }[] = [];
      for (const step of all) {
        now += step.after;
        if ("found" in step) {
          history = sighted(history, step.found, now, checkedAt);
          [digest, checkedAt] = [step.found, now];
          const last = runs.at(-1);
          if (last?.current && last.digest === step.found) last.last = now;
          else {
            if (last) last.current = false;
            runs.push({ digest: step.found, since: now, last: now, current: true });
          }
        } else if ("gone" in step) {
          history = ended(history, checkedAt);
          const last = runs.at(-1);
          if (last) last.current = false;
        } else if (digest !== undefined) {
          const until = now + step.release;
          history = amended(history, digest, {
            released: { who: "x", reason: "y", at: now, until },
          });
          releases.push({ run: runs.length - 1, until });
          // A later release replaces an earlier one of the same digest.
          releases = releases.filter(
            (one, at) => !releases.slice(at + 1).some(({ run }) => run === one.run),
          );
        }
        if (digest === undefined) continue;
        expect(history.seen.length).toBeLessThanOrEqual(MAX_SIGHTINGS);
        expect(history.moves.length).toBeLessThanOrEqual(MAX_MOVES);
        const known = { digest, checkedAt, seen: history.seen };
        const verdict = ageVerdict(known, rule, false, now);
        const served =
          verdict.is === "passed"
            ? digest
            : verdict.is === "held"
              ? verdict.hold.accepted
              : undefined;
        const isGood = (at: number) => {
          const run = runs[at];
          if (!run) return false;
          const isReleased = releases.some((one) => one.run === at && one.until > now);
          return run.last - run.since >= 10 || isReleased || (at === 0 && first === "serve");
        };
        const good = runs.map((_, at) => at).filter(isGood);
        const newest = good.at(-1);
        if (newest === undefined) {
          expect(served).toBeUndefined();
          continue;
        }
        // The newest that was ever seen for long enough: nothing else, so no superseded candidate, and nothing older.
        expect(served).toBe(runs[newest]?.digest);
        const hadEnded = acceptedRun >= 0 && !isGood(acceptedRun);
        expect(newest >= acceptedRun || hadEnded).toBe(true);
        acceptedRun = newest;
      }
    },
  );
  fc.assert(property, { numRuns: RUNS });
});

describe("exempt by its content", () => {
  const exempt = { exempt: true as const };

  it("needs no age, and is what a younger image is held at", () => {
    expect(verdictOn([[A, -1, 0, exempt]])).toBe("passed");
    expect(
      verdictOn([
        [A, -20, -1],
        [B, -1, 0, exempt],
      ]),
    ).toBe("passed");
    expect(
      verdictOn([
        [A, -2, -1, exempt],
        [B, -1, 0],
      ]),
    ).toBe("A, 9");
  });

  it("stays in the history, although a later one has lasted longer", () => {
    const seen = [
      { digest: C, since: NOW },
      { digest: A, since: NOW + 1, until: NOW + 2, ...exempt },
      { digest: B, since: NOW + 3, until: NOW + 9 },
    ].map((one, at) => ({ ...one, ...(at === 0 && { until: NOW + 1 }) }));
    const next = sighted({ seen, moves: [] }, C, NOW + 20, NOW + 9);
    expect(next.seen.map(({ digest }) => digest)).toEqual([C, A, B, C]);
  });
});
