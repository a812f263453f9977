// Many nodes behind one address: what some of them send that is no good must not have the others refused.

import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { hashOf, newPullToken } from "../../src/access/tokens/pull-token.ts";
import {
  access,
  basic,
  bearer,
  pullToken,
  shutCache,
  type TokenAnswer,
} from "../support/access.ts";
import type { Cache } from "../support/cache.ts";
import { later } from "../support/clock.ts";
import { Window } from "../support/limiter.ts";

const NAT = { "CF-Connecting-IP": "198.51.100.77" };
const NODES = 2_000;
const nodes: string[] = [];

beforeAll(async () => {
  for (let at = 0; at < NODES; at++) {
    const token = newPullToken();
    nodes.push(token);
    const made = { name: `node ${at}`, repositories: ["**"], networks: [] };
    await access.create(crypto.randomUUID(), hashOf(token), made, "a test", Date.now());
  }
}, 60_000);

afterEach(() => {
  vi.restoreAllMocks();
});

const ping = async (cache: Cache, headers: Record<string, string>) =>
  (await cache.ask("https://cache.example/v2/", { headers: { ...NAT, ...headers } })).status;

/** Outdated credentials that a node may go on sending. */
const STALE: { title: string; headersOf: () => Promise<Record<string, string>>; count: number }[] =
  [
    {
      title: "a revoked pull token",
      headersOf: async () => {
        const made = await pullToken(shutCache(), ["**"]);
        await access.revoke(made.id, "a test", Date.now());
        return basic(made.token);
      },
      count: NODES,
    },
    {
      title: "a pull token of another cache",
      headersOf: async () => basic(newPullToken()),
      count: 200,
    },
    {
      title: "a password of another registry",
      headersOf: async () => basic("hunter2", "me"),
      count: 200,
    },
    {
      title: "a JWT of another cache",
      headersOf: async () => bearer("eyJhbGciOiJFZERTQSJ9.eyJpc3MiOiJlbnRyZXBvdCJ9.c2ln"),
      count: 200,
    },
    {
      title: "a header that is none",
      headersOf: async () => ({ Authorization: "Negotiate x" }),
      count: 200,
    },
  ];

describe.each(STALE)("one stale pod with $title", ({ headersOf, count }) => {
  it(`does not lock out ${count} nodes with tokens of their own`, async () => {
    const headers = await headersOf();
    const cache = shutCache({ LOGINS: new Window() });
    for (let at = 0; at < 100; at++) expect(await ping(cache, headers)).toBe(401);
    const statuses = new Set<number>();
    for (let at = 0; at < count; at += 50) {
      const some = nodes.slice(at, at + 50).map((token) => ping(cache, basic(token)));
      await ping(cache, headers);
      for (const status of await Promise.all(some)) statuses.add(status);
    }
    expect(statuses).toEqual(new Set([200]));
  });
});

describe("a client that guesses tokens at a shared address", () => {
  const shutAddress = async (cache: Cache) => {
    const said: number[] = [];
    for (let at = 0; at < 30; at++) said.push(await ping(cache, basic(newPullToken())));
    expect(said.at(-1)).toBe(429);
  };

  it("does not lock out known tokens, also when they are looked up again", async () => {
    const cache = shutCache({ LOGINS: new Window() });
    const known = nodes.slice(0, 50);
    for (const token of known) expect(await ping(cache, basic(token))).toBe(200);
    await shutAddress(cache);
    later(6 * 60_000);
    await shutAddress(shutCache({ LOGINS: new Window() }));
    for (let at = 0; at < 30; at++) await ping(cache, basic(newPullToken()));
    for (const token of known) expect(await ping(cache, basic(token))).toBe(200);
  });

  it("does not lock out many clients with one token that is new to the isolate", async () => {
    const cache = shutCache({ LOGINS: new Window() });
    await shutAddress(cache);
    later(1_001); // then one is looked up
    const crowd = Array.from({ length: 50 }, () => ping(cache, basic(nodes[0] as string)));
    expect(new Set(await Promise.all(crowd))).toEqual(new Set([200]));
  });

  it("does not lock out signed tokens", async () => {
    const cache = shutCache({ LOGINS: new Window() });
    const query = "scope=repository:open/x:pull";
    const answer = await shutCache().ask(`https://cache.example/token?${query}`, {
      headers: basic(nodes[0] as string),
    });
    const { token } = (await answer.json()) as TokenAnswer;
    await shutAddress(cache);
    expect(await ping(cache, bearer(token))).toBe(200);
  });
});
