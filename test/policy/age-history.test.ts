// Minimum age: histories of tags, and what any of them may serve.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { MinimumAge } from "../../src/config/age-fields.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { ageVerdict } from "../../src/policy/age.ts";
import {
  amended,
  ended,
  type History,
  MAX_MOVES,
  MAX_SIGHTINGS,
  NOTHING_SEEN,
  sighted,
} from "../../src/policy/sightings.ts";
import { A, B, C, minimum, NOW, released, verdictOn } from "./aging.ts";

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
