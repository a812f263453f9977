// Who may use what a limit on pulls leaves, and how much that is not cached one identity may ask for. Pure tables.

import { describe, expect, it } from "vitest";
import type { RegistryError } from "../../src/oci/error.ts";
import { Allowance } from "../../src/upstream/health/allowance.ts";
import { enforceShares, recordBudget, type Shares } from "../../src/upstream/health/shares.ts";

const T = 1_750_000_000_000;
const WINDOW = 21_600_000;
const budget = (remaining: number, seenAt = T) => ({
  limit: 100,
  remaining,
  window: WINDOW,
  seenAt,
});
const client = { pull: true, background: false, reserve: 10 };

function errorOf(work: () => unknown): RegistryError | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return error as RegistryError;
  }
}

/** Pulls one by one, each told by the upstream, until one is refused. */
function pulls(
  by: string,
  shares: Shares,
  most: number,
  now = T,
): { count: number; shares: Shares } {
  let after = shares;
  for (let count = 0; count < most; count++) {
    const left = after.budget?.remaining ?? 100;
    if (left === 0 || errorOf(() => enforceShares(after, client, by, now)))
      return { count, shares: after };
    after = enforceShares(after, client, by, now);
    after = recordBudget(after, { pull: true, gave: true, budget: budget(left - 1, now) }, by);
  }
  return { count: most, shares: after };
}

describe("the pulls that are left", () => {
  const first: Shares = { budget: budget(100), told: { alice: { ...budget(100), lent: 0 } } };

  it("are one identity's, up to the reserve, where it is the only one", () => {
    expect(pulls("alice", first, 1000).count).toBe(90);
  });

  it("are kept for another that has used less, which gets its share", () => {
    const greedy = pulls("alice", first, 80);
    expect(greedy.count).toBe(80);
    const other = pulls("bob", greedy.shares, 1000);
    expect(other.count).toBe(20);
    const between = pulls("bob", greedy.shares, 1);
    const refused = errorOf(() => enforceShares(between.shares, client, "alice", T));
    expect(refused).toMatchObject({
      code: "TOOMANYREQUESTS",
      status: 429,
      personal: true,
      unasked: true,
    });
    expect(Number(refused?.headers["Retry-After"])).toBeGreaterThan(0);
    expect(refused?.message).toMatch(
      /19 of 100 pulls are left.* used 80, more than its share of 45/,
    );
  });

  it("are shared without a limit while the budget is high", () => {
    const greedy = pulls("alice", first, 60);
    const both = pulls("bob", greedy.shares, 5);
    expect(pulls("alice", both.shares, 5).count).toBe(5);
  });

  it("come back with time", () => {
    const greedy = pulls("bob", pulls("alice", first, 85).shares, 2);
    expect(pulls("alice", greedy.shares, 1).count).toBe(0);
    const later = T + WINDOW / 2;
    const again = recordBudget(greedy.shares, { pull: false, budget: budget(13, later) }, "bob");
    expect(pulls("alice", again, 1, later).count).toBe(1);
  });

  it("are not held back by what is told of a window that is over", () => {
    const old = { ...pulls("bob", pulls("alice", first, 85).shares, 2).shares };
    expect(errorOf(() => enforceShares(old, client, "alice", T + WINDOW + 1))).toBeUndefined();
  });

  it("are not what one name says alone: of what several were told at one time it is the middle", () => {
    const say = (shares: Shares, by: string, left: number, at = T) =>
      recordBudget(shares, { pull: true, gave: true, budget: budget(left, at) }, by);
    let shares = say(say(say({}, "alice", 80), "bob", 79), "mallory", 0);
    expect(shares.budget?.remaining).toBe(79);
    shares = say(shares, "mallory", 1_000_000);
    expect(shares.budget?.remaining).toBe(80);
    expect(say(say({}, "alice", 80), "mallory", 0).budget?.remaining).toBe(80);
    const later = say(shares, "alice", 5, T + 3_600_000);
    expect(later.budget?.remaining).toBe(5);
    const none = recordBudget(shares, { pull: true, gave: true }, "mallory");
    expect(none.budget?.remaining).toBe(80);
  });

  it("are counted for a bounded number of identities", () => {
    let shares: Shares = first;
    for (let at = 0; at < 1000; at++)
      shares = pulls(`one-${at}`, { ...shares, budget: budget(90) }, 1).shares;
    expect(Object.keys(shares.used ?? {}).length).toBeLessThanOrEqual(200);
    expect(Object.keys(shares.told ?? {}).length).toBeLessThanOrEqual(200);
  });
});

describe("cold questions", () => {
  const HOST = "up.example";
  const ask = (allowance: Allowance, by: string, now: number, perMinute = 60) =>
    errorOf(() => {
      allowance.check(by, perMinute, HOST, now);
      allowance.take(by, perMinute, now);
    });

  it("are two minutes' worth at once, then as many as come back", () => {
    const allowance = new Allowance();
    for (let at = 0; at < 120; at++) expect(ask(allowance, "a", T)).toBeUndefined();
    const refused = ask(allowance, "a", T);
    expect(refused).toMatchObject({ code: "TOOMANYREQUESTS", status: 429, personal: true });
    expect(refused?.headers["Retry-After"]).toBe("1");
    expect(refused?.message).toContain("LIMITS.coldRequests");
    expect(ask(allowance, "a", T + 1000)).toBeUndefined();
    expect(ask(allowance, "a", T + 1000)).toBeDefined();
    for (let at = 0; at < 120; at++) expect(ask(allowance, "a", T + 3_600_000)).toBeUndefined();
    expect(ask(allowance, "a", T + 3_600_000)).toBeDefined();
  });

  it("of one are not another's", () => {
    const allowance = new Allowance();
    for (let at = 0; at < 500; at++) ask(allowance, "a", T);
    expect(ask(allowance, "b", T)).toBeUndefined();
    expect(allowance.spent(T)).toBe(1);
    expect(allowance.spent(T + 60_000)).toBe(0);
  });

  it("in vain count as ten, and a flood of them is made up for", () => {
    const allowance = new Allowance();
    for (let at = 0; at < 12; at++) {
      expect(ask(allowance, "a", T)).toBeUndefined();
      allowance.chargeFailure("a");
    }
    expect(ask(allowance, "a", T)).toBeDefined();
    for (let at = 0; at < 500; at++) allowance.chargeFailure("a"); // asked before, answered since
    expect(ask(allowance, "a", T + 60_000)).toBeDefined();
    expect(ask(allowance, "a", T + 62_000)).toBeUndefined();
  });

  it("are not taken away by a clock that is set back", () => {
    const allowance = new Allowance();
    expect(ask(allowance, "a", T + 86_400_000)).toBeUndefined();
    expect(ask(allowance, "a", T)).toBeUndefined();
  });

  it("have no limit where that is 0", () => {
    const allowance = new Allowance();
    for (let at = 0; at < 5000; at++) expect(ask(allowance, "a", T, 0)).toBeUndefined();
  });

  it("are fewer at once where the limit was lowered", () => {
    const allowance = new Allowance();
    expect(ask(allowance, "a", T, 6000)).toBeUndefined();
    for (let at = 0; at < 4; at++) expect(ask(allowance, "a", T, 2)).toBeUndefined();
    expect(ask(allowance, "a", T, 2)).toBeDefined();
  });
});
