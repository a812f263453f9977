// Health: when an upstream is asked, when it is left alone, and how that ends. Pure tables, with a clock of their own.

import { describe, expect, it } from "vitest";
import type { ErrorValue, RegistryError } from "../../src/oci/error.ts";
import type { PlannedRequest, RequestResult } from "../../src/upstream/contract.ts";
import {
  admit,
  type Health,
  isAiling,
  pauseOf,
  releaseProbe,
} from "../../src/upstream/health/health.ts";
import { observe } from "../../src/upstream/health/observe.ts";

const T = 1_750_000_000_000;
const PULL: PlannedRequest = {
  repository: "a",
  pull: true,
  background: false,
  reserve: 10,
  deadline: 1000,
};
const ELSEWHERE: PlannedRequest = { ...PULL, repository: "z" };
const OTHER: PlannedRequest = { ...PULL, pull: false };
const BEHIND: PlannedRequest = { ...PULL, background: true };

const failed: ErrorValue = {
  code: "UNAVAILABLE",
  message: "up answered 503",
  status: 503,
  upstreamStatus: 503,
};
const limited: ErrorValue = {
  code: "TOOMANYREQUESTS",
  message: "up answered 429",
  status: 429,
  upstreamStatus: 429,
};
const seen = (more: Partial<RequestResult> = {}): RequestResult => ({
  askedAt: Number.MAX_SAFE_INTEGER,
  repository: "a",
  pull: false,
  ...(!more.error && { gave: true }),
  ...more,
});
const budget = (remaining: number, at = T) => ({
  limit: 100,
  remaining,
  window: 21_600_000,
  seenAt: at,
});

/** The refusal of a request; undefined when it may be sent. */
function refusal(health: Health, use: PlannedRequest, now: number): RegistryError | undefined {
  try {
    admit(health, use, now);
    return undefined;
  } catch (error) {
    return error as RegistryError;
  }
}

function healthAfter(events: [at: number, seen: RequestResult][], chance = 0): Health {
  return events.reduce<Health>((health, [at, what]) => observe(health, what, T + at, chance), {});
}

describe("failures", () => {
  const three: [number, RequestResult][] = [0, 1, 2].map((at) => [at, seen({ error: failed })]);

  it("of one or two are hiccups", () => {
    for (const count of [1, 2]) {
      const health = healthAfter(three.slice(0, count));
      expect(refusal(health, PULL, T + 3)).toBeUndefined();
      expect(isAiling(health, T + 3)).toBe(true);
    }
  });

  it("of three in a row begin a pause, in which the last failure is repeated to clients", () => {
    const health = healthAfter(three);
    const error = refusal(health, OTHER, T + 10);
    expect(error).toMatchObject({ code: "UNAVAILABLE", status: 503, upstreamStatus: 503 });
    expect(error?.headers["Retry-After"]).toBe("1");
    expect(error?.message).toBe("up answered 503; next attempt in 1 s");
    expect(refusal(health, OTHER, T + 2 + 1000)).toBeUndefined();
  });

  it("are counted from zero after a success", () => {
    const health = healthAfter([...three.slice(0, 2), [3, seen()], ...three.slice(0, 2)]);
    expect(refusal(health, PULL, T + 5)).toBeUndefined();
    const { evidence: _, ...rests } = healthAfter([...three, [3, seen()]]);
    expect(rests).toEqual({});
    expect(isAiling(healthAfter([...three, [3, seen()]]), T + 4)).toBe(false);
  });

  it("pause twice as long each time, and never longer than a minute", () => {
    let health = healthAfter(three, 0.999);
    let now = T + 2;
    const pauses: number[] = [];
    for (let at = 0; at < 9; at++) {
      const until = health.repositories?.a?.until ?? 0;
      pauses.push(Math.round((until - now) / 1000));
      now = until;
      health = observe(admit(health, PULL, now), seen({ error: failed }), now, 0.999);
    }
    expect(pauses).toEqual([1, 2, 5, 10, 19, 38, 60, 60, 60]);
    const paused = observe({}, seen({ error: failed, retryAfter: 3_600_000 }), T, 0.999);
    expect(paused.repositories?.a?.until).toBeLessThanOrEqual(T + 60_000);
  });

  it("that come while it is paused, of requests that went before, do not prolong it", () => {
    const health = healthAfter([
      ...three,
      [500, seen({ error: failed })],
      [600, seen({ error: failed })],
    ]);
    expect(health.repositories?.a).toMatchObject({ until: T + 2 + 1000, strikes: 3 });
  });

  it("of one repository do not affect the others, for any number of requests", () => {
    const many: [number, RequestResult][] = Array.from({ length: 20 }, (_, at) => [
      at * 60_000,
      seen({ error: failed }),
    ]);
    const health = healthAfter(many);
    expect(refusal(health, PULL, T + 19 * 60_000 + 10)).toMatchObject({ status: 503 });
    expect(refusal(health, ELSEWHERE, T + 19 * 60_000 + 10)).toBeUndefined();
  });

  it("of several repositories are the upstream's: these, lists and background requests pause", () => {
    const health = healthAfter(
      ["a", "b", "c"].map((repository, at) => [at, seen({ repository, error: failed })]),
    );
    const { repository: _, ...list } = OTHER;
    for (const use of [PULL, list, { ...ELSEWHERE, background: true }]) {
      expect(refusal(health, use, T + 10)).toMatchObject({ status: 503 });
      expect(refusal(health, use, T + 1500)).toBeUndefined();
    }
    expect(refusal(health, ELSEWHERE, T + 10)).toBeUndefined();
    const more = observe(health, seen({ repository: "z", error: failed }), T + 11, 0);
    expect(refusal(more, ELSEWHERE, T + 12)).toMatchObject({ status: 503 });
  });

  it("of concurrent requests are one", () => {
    const parallel: [number, RequestResult][] = Array.from({ length: 20 }, (_, at) => [
      at + 10,
      seen({ askedAt: T, repository: `r${at}`, by: `${at % 4}`, error: failed }),
    ]);
    const health = healthAfter(parallel);
    expect(health.all?.strikes).toBe(1);
    expect(refusal(health, ELSEWHERE, T + 40)).toBeUndefined();
  });

  it("are counted from zero after the success of an earlier request", () => {
    const two: [number, RequestResult][] = ["a", "b"].map((repository, at) => [
      at,
      seen({ repository, error: failed }),
    ]);
    const health = healthAfter([...two, [3, seen({ askedAt: T - 5, repository: "c" })]]);
    expect(health.all).toBeUndefined();
  });

  it("of lists count for no repository", () => {
    const { repository: _, ...list } = seen({ error: failed });
    const health = healthAfter([0, 1, 2, 3].map((at) => [at, list]));
    expect(refusal(health, PULL, T + 10)).toBeUndefined();
  });

  describe("that are a missed deadline", () => {
    const late = { code: "UNAVAILABLE", message: "up did not answer", status: 504 } as const;
    const health = healthAfter([[0, seen({ error: late, missed: 2000 })]]);

    it("pause the repository at once, for most of a pull", () => {
      expect(refusal(health, OTHER, T + 9_999)).toMatchObject({ status: 504 });
      expect(refusal(health, ELSEWHERE, T + 1)).toBeUndefined();
      expect(refusal(health, OTHER, T + 10_000)).toBeUndefined();
    });

    it("do not affect requests with a longer deadline", () => {
      expect(refusal(health, { ...PULL, deadline: 2000 }, T + 1)).toBeDefined();
      expect(refusal(health, { ...PULL, deadline: 2001 }, T + 1)).toBeUndefined();
    });

    it("without a waiting client are one failure", () => {
      const behind = healthAfter([[0, seen({ error: late })]]);
      expect(refusal(behind, PULL, T + 1)).toBeUndefined();
    });
  });

  it("let one probe through when the pause is over, and its answer decides", () => {
    const now = T + 2000;
    const probing = admit(healthAfter(three), PULL, now);
    expect(refusal(probing, PULL, now + 1)).toMatchObject({ status: 503 });
    expect(refusal(observe(probing, seen(), now + 5, 0), PULL, now + 6)).toBeUndefined();
    const again = observe(probing, seen({ error: failed }), now + 5, 0);
    expect(refusal(again, PULL, now + 1900)).toMatchObject({ status: 503 });
    expect(refusal(again, PULL, now + 2100)).toBeUndefined();
  });

  it("let another probe through at once when the first was cancelled", () => {
    const probing = admit(healthAfter(three), PULL, T + 2000);
    expect(refusal(releaseProbe(probing, PULL, T + 2000), PULL, T + 2001)).toBeUndefined();
    expect(refusal(releaseProbe(probing, PULL, T + 1999), PULL, T + 2001)).toBeDefined();
  });

  it("let another probe through when the first never ended", () => {
    const probing = admit(healthAfter(three), PULL, T + 2000);
    expect(refusal(probing, PULL, T + 2000 + 14_000)).toBeDefined();
    expect(refusal(probing, PULL, T + 2000 + 16_000)).toBeUndefined();
  });
});

describe("a 429", () => {
  it("begins a pause at once, for as long as the upstream says", () => {
    const health = healthAfter([[0, seen({ error: limited, retryAfter: 7000 })]]);
    expect(refusal(health, OTHER, T + 6999)?.headers["Retry-After"]).toBe("1");
    expect(refusal(health, OTHER, T + 7000)).toBeUndefined();
  });

  it("is probed within a minute, and reports the upstream's own Retry-After", () => {
    const health = healthAfter([[0, seen({ error: limited, retryAfter: 3_600_000 })]]);
    expect(refusal(health, OTHER, T + 1000)?.headers["Retry-After"]).toBe("3599");
    expect(refusal(health, OTHER, T + 60_001)).toBeUndefined();
    expect(pauseOf(health, seen(), T)).toBe(3600);
  });

  it.each([0, 500])("of %i ms is not followed: the pause grows", (retryAfter) => {
    const first = healthAfter([[0, seen({ error: limited, retryAfter })]]);
    expect(first.repositories?.a?.until).toBe(T + 1000);
    expect(refusal(first, OTHER, T + 1)?.headers["Retry-After"]).toBe("1");
    const second = observe(first, seen({ error: limited, retryAfter }), T + 1000, 0);
    expect(second.repositories?.a?.until).toBe(T + 3000);
  });

  it("is not ended by the success of an earlier request", () => {
    const health = healthAfter([[0, seen({ error: limited, retryAfter: 30_000 })]]);
    const before = observe(health, seen({ askedAt: T - 1 }), T + 10, 0);
    expect(refusal(before, OTHER, T + 11)).toMatchObject({ status: 429 });
    const after = observe(health, seen({ askedAt: T }), T + 10, 0);
    expect(refusal(after, OTHER, T + 11)).toBeUndefined();
  });

  it("without Retry-After pauses longer each time", () => {
    const first = healthAfter([[0, seen({ error: limited })]]);
    expect(first.repositories?.a?.until).toBe(T + 5000);
    const second = observe(first, seen({ error: limited }), T + 5000, 0);
    expect(second.repositories?.a?.until).toBe(T + 15_000);
  });

  it("of the limit on pulls leaves HEADs and blobs alone", () => {
    const health = healthAfter([[0, seen({ pull: true, error: limited, budget: budget(0) })]]);
    expect(refusal(health, OTHER, T + 1)).toBeUndefined();
    expect(refusal(health, PULL, T + 1)).toMatchObject({ status: 429 });
    expect(refusal(health, PULL, T + 1)?.headers["Retry-After"]).toBe("21600");
  });

  it.each([
    { title: "a HEAD that tells of pulls again", answer: seen({ budget: budget(3) }), ends: true },
    { title: "a HEAD that tells of no limit", answer: seen(), ends: false },
    { title: "a HEAD that tells of none left", answer: seen({ budget: budget(0) }), ends: false },
    { title: "a blob", answer: seen({ repository: "b" }), ends: false },
    { title: "a pull that went well", answer: seen({ pull: true }), ends: true },
    { title: "a HEAD of what there is not", answer: seen({ gave: false }), ends: false },
    {
      title: "a pull of what there is not",
      answer: seen({ pull: true, gave: false }),
      ends: false,
    },
  ])("of the limit on pulls, after $title: ended $ends", ({ answer, ends }) => {
    const health = healthAfter([
      [0, seen({ pull: true, error: limited, budget: budget(0) })],
      [1, answer],
    ]);
    expect(refusal(health, PULL, T + 2) === undefined).toBe(ends);
  });
});

describe("the budget", () => {
  it.each([
    { title: "enough", known: budget(11), use: BEHIND, allowed: true },
    { title: "what is kept for clients", known: budget(10), use: BEHIND, allowed: false },
    { title: "what is kept for clients, for one", known: budget(1), use: PULL, allowed: true },
    { title: "for a HEAD", known: budget(0), use: { ...OTHER, background: true }, allowed: true },
    {
      title: "of a window that is over",
      known: budget(0, T - 21_600_001),
      use: BEHIND,
      allowed: true,
    },
    { title: "none told: unlimited", known: undefined, use: BEHIND, allowed: true },
  ])("for background work: $title", ({ known, use, allowed }) => {
    const health = observe({}, seen(known ? { budget: known } : {}), T, 0);
    expect(refusal(health, use, T) === undefined).toBe(allowed);
  });

  it("is forgotten when a manifest's answer tells of none, and kept over others", () => {
    const health = observe({}, seen({ budget: budget(5) }), T, 0);
    expect(observe(health, seen({ repository: "b" }), T, 0).budget?.remaining).toBe(5);
    expect(observe(health, seen({ pull: true }), T, 0).budget).toBeUndefined();
    expect(observe(health, seen(), T, 0).budget?.remaining).toBe(5);
    expect(observe(health, seen({ gave: false }), T, 0).budget?.remaining).toBe(5);
    expect(observe(health, seen({ error: failed }), T, 0).budget?.remaining).toBe(5);
  });
});

/** What identities see, one answer after the other. */
type Told = [
  by: string,
  repository: string,
  error?: ErrorValue,
  more?: Partial<RequestResult> | undefined,
];
const heard = (answers: Told[]) =>
  healthAfter(
    answers.map(([by, repository, error, more], at) => [
      at,
      seen({ by, repository, ...(error && { error }), ...more }),
    ]),
  );
const LATE = { code: "UNAVAILABLE", message: "up did not answer", status: 504 } as const;
const many = (
  count: number,
  by: (at: number) => string,
  error: ErrorValue,
  more?: Partial<RequestResult>,
) => heard(Array.from({ length: count }, (_, at) => [by(at), `bad-${at}`, error, more]));
const soon = T + 400;

const KINDS: { title: string; error: ErrorValue; more: Partial<RequestResult> }[] = [
  { title: "500", error: failed, more: {} },
  { title: "429", error: limited, more: {} },
  { title: "429 for an hour", error: limited, more: { retryAfter: 3_600_000 } },
  { title: "429 of the limit on pulls", error: limited, more: { pull: true, budget: budget(0) } },
  { title: "silence", error: LATE, more: { silent: true, missed: 1000 } },
];

describe.each(KINDS)(
  "names of one identity that are answered $title, however many,",
  ({ error, more }) => {
    const health = many(300, () => "mallory", error, more);
    const others: PlannedRequest = { ...PULL, by: "alice" };

    it("pause nothing for other identities: no names, no lists, no background requests", () => {
      const { repository: __, ...list } = others;
      const behind = { ...others, background: true, pull: false };
      for (const use of [{ ...others, repository: "good" }, list, behind])
        expect(refusal(health, use, soon)).toBeUndefined();
      expect(refusal(health, { ...others, repository: "bad-299" }, soon)).toBeUndefined();
    });

    it("pause for that identity, and a joining client is told that others may retry", () => {
      const own = refusal(health, { ...others, by: "mallory", repository: "bad-299" }, soon);
      expect(own).toMatchObject({ status: error.status, unasked: true, personal: true });
    });

    it("are kept in bounded number, and displace no record of another identity", () => {
      const mixed = heard([
        ["alice", "hers", error, more],
        ...Array.from({ length: 900 }, (_, at): Told => [`mallory`, `bad-${at}`, error, more]),
      ]);
      expect(Object.keys(mixed.repositories ?? {})).toHaveLength(200);
      expect(mixed.repositories?.hers).toBeDefined();
      expect(mixed.evidence?.length).toBeLessThanOrEqual(16);
      expect(JSON.stringify(mixed).length).toBeLessThan(200_000);
    });

    it("do not hide the successes of other identities", () => {
      const answers: Told[] = Array.from({ length: 60 }, (_, at) =>
        at % 20 === 1 ? ["alice", "good"] : ["mallory", `bad-${at}`, error, more],
      );
      const seenByTwo = heard([...answers, ["bob", "bad-1", error, more]]);
      const rests = [seenByTwo.all, seenByTwo.pulls].filter((rest) => rest !== undefined);
      // Two complain, one is content: more than half of them.
      expect(rests).toHaveLength(1);
      const content = heard([
        ["carol", "good"],
        ...answers,
        ["carol", "good"],
        ["bob", "bad-1", error, more],
      ]);
      expect([content.all, content.pulls]).toEqual([undefined, undefined]);
    });
  },
);

describe("an outage", () => {
  it.each(KINDS)("of $title that several identities get is the upstream's", ({ error, more }) => {
    const health = many(4, (at) => `${at % 2}`, error, more);
    const { repository: __, ...list } = { ...PULL, by: "carol" };
    expect(refusal(health, list, T + 10)).toMatchObject({ status: error.status });
    const paused = refusal(health, list, T + 10);
    expect(paused?.personal).toBe(false);
  });

  it("is detected although all requests succeeded before it", () => {
    const well: Told[] = ["0", "1"].flatMap((by) =>
      Array.from({ length: 40 }, (_, at): Told => [by, `good-${at}`]),
    );
    const bad: Told[] = ["0", "1"].flatMap((by) =>
      Array.from({ length: 5 }, (_, at): Told => [by, `good-${by}-${at}`, failed]),
    );
    expect(heard([["0", "x", failed], ...well, ...bad]).all).toBeDefined();
  });

  it("without any answer lets four identities probe at once, each for one name", () => {
    let health = many(6, (at) => `${at % 2}`, LATE, { silent: true, missed: 1000 });
    const admitted: string[] = [];
    for (const by of ["a", "b", "c", "d", "e", "f"])
      for (const repository of ["x", "y"]) {
        const use = { ...PULL, by, repository };
        if (refusal(health, use, T + 20)) continue;
        health = admit(health, use, T + 20);
        admitted.push(`${by} ${repository}`);
      }
    expect(admitted).toEqual(["a x", "b x", "c x", "d x"]);
  });

  it("ends with the first success", () => {
    const health = many(6, (at) => `${at % 2}`, LATE, { silent: true, missed: 1000 });
    const well = observe(health, seen({ by: "a", repository: "x" }), T + 30, 0);
    expect(well.all).toBeUndefined();
    expect(refusal(well, { ...PULL, by: "b", repository: "y" }, T + 31)).toBeUndefined();
  });

  it("that continues is probed less and less often", () => {
    let health = many(6, (at) => `${at % 2}`, failed);
    const { repository: _, ...list } = { ...PULL, by: "a" };
    const pauses: number[] = [];
    for (let at = 0; at < 7; at++) {
      const until = health.all?.until ?? 0;
      pauses.push(until - (health.all?.begunAt ?? 0));
      health = observe(admit(health, list, until), seen({ by: "a", error: failed }), until, 0);
    }
    expect(pauses).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 50_000]);
  });
});

describe("a failure that is the name's alone", () => {
  it("pauses that name, and is no sign of an outage, for any identity", () => {
    const health = many(12, (at) => `${at % 3}`, failed, { ofName: true });
    expect([health.all, health.identities, health.evidence]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    const three = heard(["1", "2", "3"].map((by) => [by, "bad", failed, { ofName: true }]));
    expect(refusal(three, { ...PULL, by: "4", repository: "bad" }, T + 5)).toBeDefined();
  });
});

it("state of an older version is read, and its requests count for one identity", () => {
  const stored = {
    all: {
      strikes: 3,
      seenAt: ["a", "b"],
      until: T + 5000,
      begunAt: T,
      probedAt: 0,
      retryAt: T + 5000,
      error: failed,
    },
  } as unknown as Health;
  const { repository: _, ...list } = PULL;
  expect(refusal(stored, list, T + 1)).toMatchObject({ status: 503 });
  expect(refusal(stored, list, T + 5001)).toBeUndefined();
  const broken = {
    repositories: { a: { ...(stored.all as object), until: T + 5000 } },
  } as unknown as Health;
  expect(refusal(broken, { ...PULL, by: "anybody" }, T + 1)).toMatchObject({ status: 503 });
});

it("background requests do not count as a second identity", () => {
  const events = ["a", "b", "c", "d"].flatMap((repository, at): [number, RequestResult][] => [
    [at, seen({ by: "mallory", repository, error: limited })],
    [at, seen({ by: "background", repository: `${repository}-behind`, error: limited })],
  ]);
  const health = healthAfter(events);
  expect(health.all).toBeUndefined();
  expect(refusal(health, { ...ELSEWHERE, by: "alice" }, T + 10)).toBeUndefined();
  const two = healthAfter([
    ...events,
    ...["e", "f", "g"].map((repository, at): [number, RequestResult] => [
      10 + at,
      seen({ by: "alice", repository, error: limited }),
    ]),
  ]);
  expect(two.all?.error.status).toBe(429);
});
