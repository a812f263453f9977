// Load of token guesses on the access object, and cost of a silent access object for other requests.

import { afterEach, describe, expect, it, vi } from "vitest";
import { AccessSnapshot } from "../../src/access/access-snapshot.ts";
import { Limits } from "../../src/access/limits/limits.ts";
import { newPullToken } from "../../src/access/tokens/pull-token.ts";
import { basic, access as object, pullToken, shutCache } from "../support/access.ts";
import { fixture, repository } from "../support/cache.ts";
import { later } from "../support/clock.ts";

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const background = (work: Promise<unknown>) => void work;
const free = () => {};
const FROM = { "CF-Connecting-IP": "203.0.113.9" };

/** The object, and how often it was asked. */
function counting() {
  const calls = { find: 0, page: 0 };
  const counted = {
    page: () => {
      calls.page += 1;
      return object.page();
    },
    find: (hash: string, now: number) => {
      calls.find += 1;
      return object.find(hash, now);
    },
    holder: (id: string, now: number) => object.holder(id, now),
  };
  return { calls, counted };
}

describe("guesses", () => {
  it("are looked up once a second at most, once their address has failed too often", async () => {
    const { calls, counted } = counting();
    const snapshot = new AccessSnapshot(counted);
    const limits = new Limits({ LOGINS: { limit: async () => ({ success: calls.find <= 5 }) } });
    const guess = async (): Promise<string> => {
      const now = Date.now();
      try {
        await snapshot.token(newPullToken(), now, background, () =>
          limits.lookingUp("192.0.2.1", now),
        );
        await limits.failed("192.0.2.1", now);
        return "401";
      } catch (error) {
        return String((error as { code: string }).code);
      }
    };
    const said: string[] = [];
    const at = Date.now();
    vi.spyOn(Date, "now").mockImplementation(() => at);
    for (let count = 0; count < 50; count++) said.push(await guess());
    expect(said.filter((one) => one === "401")).toHaveLength(5);
    expect(said.slice(5)).toEqual(Array(45).fill("TOOMANYREQUESTS"));
    // That which had it shut, and one more in this second.
    expect(calls.find).toBe(7);
    vi.spyOn(Date, "now").mockImplementation(() => at + 1_000);
    await guess();
    await guess();
    expect(calls.find).toBe(8);
  });

  it("do not lock out a valid token from that address, new to the isolate or not", async () => {
    const name = repository("lookups");
    await fixture.image(name, "1");
    let isOver = false;
    const cache = shutCache({ LOGINS: { limit: async () => ({ success: !isOver }) } });
    const [known, fresh] = [await pullToken(cache, ["**"]), await pullToken(cache, ["**"])];
    const ask = async (token: string) =>
      (await cache.fetch(`open/${name}/manifests/1`, { headers: { ...FROM, ...basic(token) } }))
        .status;
    expect(await ask(known.token)).toBe(200);
    isOver = true;
    expect(await ask(newPullToken())).toBe(429);
    expect(await ask(known.token)).toBe(200);
    expect(await ask(fresh.token)).toBe(200);
  });

  it("that are repeated are looked up once: a node with an old token in its configuration", async () => {
    const { calls, counted } = counting();
    const snapshot = new AccessSnapshot(counted);
    const old = newPullToken();
    for (let count = 0; count < 10; count++)
      expect(await snapshot.token(old, Date.now(), background, free)).toBeUndefined();
    expect(calls.find).toBe(1);
    later(60_001);
    await snapshot.token(old, Date.now(), background, free);
    expect(calls.find).toBe(2);
  });

  it("of keys read the page once in five seconds, whether it can be read or not", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const { calls, counted } = counting();
    let isBroken = false;
    const page = () => (isBroken ? Promise.reject(new Error("overloaded")) : counted.page());
    const reads = vi.fn(page);
    const snapshot = new AccessSnapshot({ ...counted, page: reads });
    const now = Date.now();
    await snapshot.page(now, background);
    for (let at = 0; at < 5; at++) await snapshot.newerPage(now + 6_000 + at, background);
    expect(reads).toHaveBeenCalledTimes(2);
    isBroken = true;
    await expect(snapshot.newerPage(now + 12_000, background)).rejects.toThrow("try again");
    for (let at = 1; at < 5; at++) await snapshot.newerPage(now + 12_000 + at, background);
    expect(reads).toHaveBeenCalledTimes(3);
    expect(calls.page).toBe(2);
  });
});

describe("an access object that does not answer", () => {
  it("is waited for 5 s, for a token as for the page", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const silent = () => new Promise<never>(() => {});
    const found = new AccessSnapshot({ page: () => object.page(), find: silent, holder: silent });
    const token = found.token(newPullToken(), Date.now(), background, free);
    const read = new AccessSnapshot({ page: silent, find: silent, holder: silent }).page(
      Date.now(),
      background,
    );
    const all = Promise.allSettled([token, read]);
    await vi.advanceTimersByTimeAsync(5_000);
    for (const outcome of await all)
      expect(outcome).toMatchObject({ status: "rejected", reason: { status: 503 } });
  });

  it("is not waited for again by requests right after the first", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const page = vi.fn(() => Promise.reject(new Error("overloaded")));
    const silent = () => Promise.reject(new Error("overloaded"));
    const snapshot = new AccessSnapshot({ page, find: silent, holder: silent });
    const now = Date.now();
    for (const [at, times] of [
      [0, 1],
      [10, 1],
      [999, 1],
      [1_000, 2],
    ] as const) {
      await expect(snapshot.page(now + at, background)).rejects.toThrow("try again");
      expect(page).toHaveBeenCalledTimes(times);
    }
  });
});
