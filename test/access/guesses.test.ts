// Guesses of the secrets that a person may have chosen, by every way to send one.

import { afterEach, describe, expect, it, vi } from "vitest";
import { addressKey } from "../../src/access/limits/limits.ts";
import { ADMIN, api, basic, bearer, shutCache, VIEWER } from "../support/access.ts";
import { ORIGIN } from "../support/browser.ts";
import type { Cache } from "../support/cache.ts";
import { later } from "../support/clock.ts";
import { Window } from "../support/limiter.ts";

const METRICS = "a-metrics-token-of-the-tests-0123";
const HERE = "203.0.113.9";
const ELSEWHERE = "198.51.100.1";
const from = (address: string) => ({ "CF-Connecting-IP": address });

afterEach(() => {
  vi.restoreAllMocks();
});

const cacheWith = (LOGINS: unknown) => shutCache({ LOGINS, METRICS_TOKEN: METRICS });

type Ask = (cache: Cache, secret: string, address: string) => Promise<Response>;
const by =
  (path: string, login: (secret: string) => Record<string, string>): Ask =>
  (cache, secret, address) =>
    cache.ask(ORIGIN + path, { headers: { ...login(secret), ...from(address) } });
const form: Ask = (cache, token, address) =>
  cache.ask(`${ORIGIN}/sign-in`, {
    method: "POST",
    redirect: "manual",
    headers: { ...from(address), Accept: "text/html", Origin: ORIGIN },
    body: new URLSearchParams({ token, to: "/tokens" }),
  });

/** Way, secret, what the right one is answered. */
const WAYS: { title: string; ask: Ask; right: string; good: number }[] = [
  {
    title: "ADMIN_TOKEN as Bearer at the API",
    ask: by("/api/about", bearer),
    right: ADMIN,
    good: 200,
  },
  {
    title: "VIEWER_TOKEN as Bearer at the API",
    ask: by("/api/about", bearer),
    right: VIEWER,
    good: 200,
  },
  { title: "ADMIN_TOKEN as Bearer at a page", ask: by("/tokens", bearer), right: ADMIN, good: 200 },
  { title: "ADMIN_TOKEN as Bearer at /setup", ask: by("/setup", bearer), right: ADMIN, good: 200 },
  {
    title: "ADMIN_TOKEN as Bearer at /metrics",
    ask: by("/metrics", bearer),
    right: ADMIN,
    good: 200,
  },
  {
    title: "VIEWER_TOKEN as Bearer at /metrics",
    ask: by("/metrics", bearer),
    right: VIEWER,
    good: 200,
  },
  {
    title: "METRICS_TOKEN as Bearer at /metrics",
    ask: by("/metrics", bearer),
    right: METRICS,
    good: 200,
  },
  { title: "ADMIN_TOKEN by the form", ask: form, right: ADMIN, good: 303 },
  { title: "VIEWER_TOKEN by the form", ask: form, right: VIEWER, good: 303 },
  // None of them is taken by Basic; a guess by it is no free one.
  {
    title: "ADMIN_TOKEN as Basic at the API",
    ask: by("/api/about", basic),
    right: ADMIN,
    good: 401,
  },
  {
    title: "VIEWER_TOKEN as Basic at the API",
    ask: by("/api/about", basic),
    right: VIEWER,
    good: 401,
  },
  {
    title: "METRICS_TOKEN as Basic at /metrics",
    ask: by("/metrics", basic),
    right: METRICS,
    good: 401,
  },
];

describe.each(WAYS)("$title", ({ ask, right, good }) => {
  const guess = async (cache: Cache, at: number) =>
    (await ask(cache, `a-guess-that-is-as-long-as-one-${at}`, HERE)).status;

  it("is refused to an address after too many wrong guesses, until the window ends", async () => {
    const window = new Window();
    const cache = cacheWith(window);
    const statuses: number[] = [];
    for (let at = 0; at < 30; at++) statuses.push(await guess(cache, at));
    expect(statuses).toEqual([...Array(20).fill(401), ...Array(10).fill(429)]);
    // In another isolate too, which has seen none of the guesses.
    for (const one of [cache, cacheWith(window)]) {
      const response = await ask(one, right, HERE);
      expect([response.status, response.headers.get("retry-after")]).toEqual([429, "60"]);
      expect((await ask(one, right, ELSEWHERE)).status).toBe(good);
    }
    window.end();
    later(10_001);
    expect((await ask(cache, right, HERE)).status).toBe(good);
  });

  it("cannot be guessed by an address that sends a valid one now and then", async () => {
    const cache = cacheWith(new Window());
    const statuses: number[] = [];
    for (let at = 0; at < 30; at++) {
      statuses.push(await guess(cache, at));
      await ask(cache, right, HERE);
    }
    expect(statuses.filter((status) => status === 401).length).toBeLessThanOrEqual(20);
    expect(statuses.at(-1)).toBe(429);
  });
});

it("a valid secret is counted once for many requests, so that its owner is not limited", async () => {
  const window = new Window();
  const cache = cacheWith(window);
  for (let at = 0; at < 100; at++)
    expect(
      (await api(cache, "GET", "about", undefined, { ...bearer(ADMIN), ...from(HERE) })).status,
    ).toBe(200);
  expect(window.counted).toBe(1);
});

it.each<[string, unknown]>([
  ["is not bound", undefined],
  ["is out of order", { limit: () => Promise.reject(new Error("out of order")) }],
])("where the limiter %s, an isolate counts by itself", async (_, limiter) => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  const cache = cacheWith(limiter);
  const ask = by("/api/about", bearer);
  for (let at = 0; at < 20; at++) expect((await ask(cache, `wrong-${at}`, HERE)).status).toBe(401);
  expect((await ask(cache, ADMIN, HERE)).status).toBe(429);
  expect((await ask(cache, ADMIN, ELSEWHERE)).status).toBe(200);
  later(61_000);
  expect((await ask(cache, ADMIN, HERE)).status).toBe(200);
});

describe("an IPv6 client", () => {
  it("with a /48 is limited as a whole, not per /64", async () => {
    const window = new Window();
    const first = cacheWith(window);
    const ask = by("/api/about", bearer);
    const address = (at: number, site = "7") => `2001:db8:${site}:${at.toString(16)}::1`;
    let free = 0;
    for (let at = 0; at < 400; at++) {
      // It lands in an isolate that is new, or in one that is there.
      const cache = at % 40 === 0 ? cacheWith(window) : first;
      if ((await ask(cache, `wrong-${at}`, address(at))).status === 401) free += 1;
    }
    expect(free).toBeLessThan(400);
    expect((await ask(first, ADMIN, address(0xffff))).status).toBe(429);
    expect((await ask(first, ADMIN, address(0, "8"))).status).toBe(200);
  });

  it.each([
    { one: "2001:db8:1:2::1", other: "2001:db8:1:ffff:1::", same: true },
    { one: "2001:db8:1::", other: "2001:db8:2::", same: false },
    { one: "::ffff:192.0.2.1", other: "192.0.2.1", same: true },
    { one: "::ffff:192.0.2.1", other: "::ffff:192.0.2.2", same: false },
    { one: "192.0.2.1", other: "192.0.2.2", same: false },
    { one: "nonsense", other: undefined, same: true },
  ])("$one and $other are one identity: $same", ({ one, other, same }) => {
    expect(addressKey(one) === addressKey(other)).toBe(same);
  });
});

describe("a secret of fewer than 32 characters", () => {
  const SHORT = "a-token-of-thirty-one-chars-012";

  it("opens nothing, and the answer says how to make a valid one; pulls go on", async () => {
    expect(SHORT).toHaveLength(31);
    for (const name of ["ADMIN_TOKEN", "VIEWER_TOKEN"]) {
      const cache = shutCache({ [name]: SHORT });
      for (const ask of [
        by("/api/about", bearer),
        by("/metrics", bearer),
        by("/setup", bearer),
        form,
      ]) {
        const response = await ask(cache, SHORT, HERE);
        expect([name, response.status]).toEqual([name, 500]);
        const words = await response.text();
        expect(words).toContain(name);
        expect(words).toContain("npm run entrepot -- secret");
        expect(words).not.toContain(SHORT);
      }
      expect((await cache.ask(`${ORIGIN}/v2/`)).status).toBe(401);
    }
    const open = shutCache({ ADMIN_TOKEN: SHORT, AUTH: { mode: "open", acknowledgeOpen: true } });
    expect((await open.ask(`${ORIGIN}/v2/`)).status).toBe(200);
    const page = await open.ask(`${ORIGIN}/sign-in`, { headers: { Accept: "text/html" } });
    expect(await page.text()).toContain("fewer than 32 characters");
  });

  it("of /metrics closes /metrics only", async () => {
    const cache = shutCache({ METRICS_TOKEN: SHORT });
    const refused = await by("/metrics", bearer)(cache, SHORT, HERE);
    expect(refused.status).toBe(500);
    expect(await refused.text()).toContain("METRICS_TOKEN");
    expect((await by("/metrics", bearer)(cache, ADMIN, HERE)).status).toBe(200);
    expect((await by("/api/about", bearer)(cache, ADMIN, HERE)).status).toBe(200);
    expect((await by("/api/about", bearer)(cache, SHORT, HERE)).status).toBe(401);
  });
});
