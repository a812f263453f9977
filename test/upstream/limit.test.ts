// Rate limits as upstreams tell them.

import { describe, expect, it } from "vitest";
import { readBudget, readRetryAfter } from "../../src/upstream/health/limit.ts";

const T = Date.UTC(2026, 9, 21, 7, 28, 0);

describe("the budget", () => {
  it.each<{ title: string; headers: Record<string, string>; expected: object | undefined }>([
    {
      title: "Docker Hub's",
      headers: { "ratelimit-limit": "100;w=21600", "ratelimit-remaining": "76;w=21600" },
      expected: { limit: 100, remaining: 76, window: 21_600_000, seenAt: T },
    },
    {
      title: "another window, with blanks",
      headers: { "ratelimit-limit": "200 ; w=60", "ratelimit-remaining": " 0 " },
      expected: { limit: 200, remaining: 0, window: 60_000 },
    },
    {
      title: "a window of years, a day at most",
      headers: { "ratelimit-remaining": "0;w=999999999" },
      expected: { remaining: 0, window: 86_400_000 },
    },
    {
      title: "no window",
      headers: { "ratelimit-remaining": "5" },
      expected: { limit: 5, remaining: 5, window: 21_600_000 },
    },
    { title: "none", headers: {}, expected: undefined },
    { title: "a limit alone", headers: { "ratelimit-limit": "100;w=21600" }, expected: undefined },
    { title: "no number", headers: { "ratelimit-remaining": "many" }, expected: undefined },
    { title: "a negative one", headers: { "ratelimit-remaining": "-1" }, expected: undefined },
    {
      title: "too large a one",
      headers: { "ratelimit-remaining": "9".repeat(30) },
      expected: undefined,
    },
  ])("$title", ({ headers, expected }) => {
    const budget = readBudget(new Headers(headers), T);
    if (expected) expect(budget).toMatchObject(expected);
    else expect(budget).toBeUndefined();
  });
});

describe("Retry-After", () => {
  it.each<[string | null, number | undefined]>([
    ["0", 0],
    ["120", 120_000],
    [" 7 ", 7000],
    ["Wed, 21 Oct 2026 07:28:30 GMT", 30_000],
    ["Wed, 21 Oct 2026 07:27:30 GMT", undefined],
    ["999999999", 86_400_000],
    ["Wed, 21 Oct 2099 07:28:30 GMT", 86_400_000],
    ["-5", undefined],
    ["soon", undefined],
    ["", undefined],
    [null, undefined],
  ])("%s", (text, expected) => {
    expect(readRetryAfter(text, T)).toBe(expected);
  });
});
