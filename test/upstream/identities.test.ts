// What one identity may not do to the others at an upstream that all use: have it rest, use up its limit on pulls, or keep it busy.
// Attacks from outside, by the names that it may pull.

import { env } from "cloudflare:workers";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { Env } from "../../src/env.ts";
import { openGate } from "../../src/upstream/open.ts";
import { problemOf } from "../http/problem.ts";
import { ADMIN, basic, bearer, flow, pullToken, shut } from "../support/access.ts";
import { apartPath, Cache, cacheApart, fixture, repository } from "../support/cache.ts";
import { receive } from "../support/transfers.ts";

afterEach(() => vi.useRealTimers());

const from = (address: string) => ({ headers: { "CF-Connecting-IP": address } });
const MALLORY = from("192.0.2.66");
const ALICE = from("198.51.100.1");
const BOB = from("203.0.113.2");

async function images(hint: string, count: number): Promise<string[]> {
  return Promise.all(
    Array.from({ length: count }, async (_, at) => {
      const name = repository(`${hint}-${at}`);
      await fixture.image(name, "1", { seed: name });
      return name;
    }),
  );
}

const manifest = (name: string) => `open/${name}/manifests/1`;

/** Every way for a name to fail. */
const FAULTS: [string, object][] = [
  ["500", { status: 500 }],
  ["502", { status: 502 }],
  ["503", { status: 503 }],
  ["504", { status: 504 }],
  ["429", { status: 429 }],
  ["429 for an hour", { status: 429, headers: { "retry-after": "3600" } }],
  [
    "429 with nothing left of a limit",
    {
      status: 429,
      headers: { "ratelimit-limit": "100;w=21600", "ratelimit-remaining": "0;w=21600" },
    },
  ],
  ["no answer", { hold: "identities" }],
  ["hanging up", { reset: true }],
  ["a redirect to a private address", { redirect: "http://10.0.0.1/x" }],
  ["a redirect to what is no address", { redirect: "ftp://x/" }],
  ["a redirect without an end", { redirect: "loop" }],
  ["a page", { html: true }],
  ["nothing that is a manifest", { status: 200, body: "{}" }],
];

/** Two rules of one upstream: at the names that fail nobody waits for long, and the others have all the time that a slow machine takes. */
function twoRules(): Cache {
  const upstream = fixture.url("open") + apartPath();
  const bad = { prefix: "bad", upstream, firstByteTimeout: "300ms" };
  return new Cache({ RULES: [{ prefix: "open", upstream, firstByteTimeout: "20s" }, bad] });
}

describe.each(FAULTS)("names that are answered with %s", (_, fault) => {
  it("rest by themselves: ten of ten healthy cold pulls of another identity are served", async () => {
    const [bad, good] = [await images("bad", 6), await images("good", 10)];
    const cache = twoRules();
    for (const name of bad)
      await fixture.fault({ match: { repository: name }, times: 0, do: fault });
    await Promise.all(
      bad.map((name) => problemOf(cache.fetch(`bad/${name}/manifests/1`, MALLORY))),
    );
    for (const name of bad) await problemOf(cache.fetch(`bad/${name}/manifests/1`, MALLORY));
    const pulls = good.map((name) => receive(cache.fetch(manifest(name), ALICE)));
    expect((await Promise.all(pulls)).map(({ status }) => status)).toEqual(Array(10).fill(200));
    const [first = ""] = good;
    expect((await cache.fetch(`open/${first}/tags/list`, ALICE)).status).toBe(200);
    await fixture.release("identities");
  });

  it("leave other names to the very same identity", async () => {
    const [bad, good] = [await images("bad", 5), await images("good", 10)];
    const cache = twoRules();
    for (const name of bad)
      await fixture.fault({ match: { repository: name }, times: 0, do: fault });
    for (const name of bad) await problemOf(cache.fetch(`bad/${name}/manifests/1`, MALLORY));
    const statuses: number[] = [];
    for (const name of good)
      statuses.push((await receive(cache.fetch(manifest(name), MALLORY))).status);
    expect(statuses).toEqual(Array(10).fill(200));
    await fixture.release("identities");
  });
});

it("names whose token service answers 401 leave the rule's credentials to the others", async () => {
  const [bad, good] = [await images("bad-401", 5), await images("good-401", 5)];
  const cache = cacheApart({ firstByteTimeout: "20s" });
  const pull = (name: string, who: RequestInit) => cache.fetch(`robot/${name}/manifests/1`, who);
  expect((await receive(pull(good[0] as string, ALICE))).status).toBe(200);
  for (const name of bad) {
    const match = { repository: name, kind: "token" as const };
    await fixture.fault({ match, times: 0, do: { status: 401 } });
    expect((await problemOf(pull(name, MALLORY))).status).toBe(401);
  }
  for (const name of good.slice(1)) expect((await receive(pull(name, ALICE))).status).toBe(200);
});

it("two pull tokens are two identities, though they come from one address", async () => {
  const [bad, good] = [await images("bad", 5), await images("good", 3)];
  const RULES = [{ prefix: "open", upstream: fixture.url("open") + apartPath() }];
  const cache = new Cache({ ...shut(), RULES });
  const [mallory, alice] = [
    await pullToken(cache, ["open/**"]),
    await pullToken(cache, ["open/**"]),
  ];
  const url = (path: string) => `https://cache.example/v2/${path}`;
  for (const name of bad) {
    await fixture.fault({ match: { repository: name }, times: 0, do: { status: 503 } });
    expect((await flow(cache, url(manifest(name)), basic(mallory.token))).status).toBe(503);
  }
  const list = (token: string) => flow(cache, url(`open/${good[0]}/tags/list`), basic(token));
  expect((await list(mallory.token)).status).toBe(503);
  expect((await list(alice.token)).status).toBe(200);
});

it("an outage that several see is told to all at once, and what is cached is served meanwhile", async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
  const names = await images("outage", 8);
  const cache = cacheApart({ tagTtl: "1s", firstByteTimeout: "2s" });
  for (const name of names) await receive(cache.fetch(manifest(name), ALICE));
  vi.setSystemTime(Date.now() + 60_000);
  for (const name of names)
    await fixture.fault({ match: { repository: name }, times: 0, do: { hold: "outage" } });
  const before = (await fixture.requests({})).length;
  const pull = async (name: string, who: { headers: object }) => {
    const response = await cache.fetch(manifest(name), who as RequestInit);
    expect([response.status, response.headers.get("cache-status")]).toEqual([
      200,
      expect.stringContaining("fwd=stale"),
    ]);
    await response.arrayBuffer();
  };
  for (const [at, name] of names.slice(0, 4).entries()) await pull(name, at % 2 ? ALICE : BOB);
  // Of the others one identity asks for one, and hears nothing; the rest is not asked.
  await Promise.all(names.slice(4).map((name) => pull(name, MALLORY)));
  const asked = (await fixture.requests({})).slice(before);
  const of = (some: string[]) =>
    asked.filter(({ repository: one }) => some.includes(one as string));
  expect(of(names.slice(0, 4))).toHaveLength(4);
  expect(of(names.slice(4)).length).toBeLessThanOrEqual(1);
  await fixture.release("outage");
});

describe("a limit on pulls", () => {
  const told = (left: number) => ({
    headers: { "ratelimit-limit": "20;w=21600", "ratelimit-remaining": `${left};w=21600` },
  });

  it("is not one identity's to use up: what is left is for those who pulled less", async () => {
    const names = await images("limit", 18);
    const cache = cacheApart({ reservePulls: 2 });
    for (const [at, name] of names.entries())
      await fixture.fault({ match: { repository: name }, times: 0, do: told(20 - at - 1) });
    const pull = (at: number, who: RequestInit) =>
      receive(cache.fetch(manifest(names[at] as string), who));
    for (let at = 0; at < 15; at++) expect((await pull(at, MALLORY)).status).toBe(200);
    expect((await pull(15, ALICE)).status).toBe(200);
    const problem = await problemOf(cache.fetch(manifest(names[16] as string), MALLORY));
    expect(problem).toMatchObject({ status: 429, code: "TOOMANYREQUESTS" });
    expect(problem.message).toMatch(/more than its share/);
    expect(Number(problem.headers.get("retry-after"))).toBeGreaterThan(0);
    expect((await pull(16, ALICE)).status).toBe(200);
    expect((await pull(17, BOB)).status).toBe(200);
    // What was pulled is served on, and checked.
    expect((await pull(0, MALLORY)).status).toBe(200);
  });
});

describe("what is not cached", () => {
  // The clock stands still: however slow the machine is, nothing comes back.
  beforeEach(() => void vi.useFakeTimers({ toFake: ["Date"], now: Date.now() }));

  const few = (coldRequests: number) =>
    cacheApart({ negativeTtl: "1h" }, { LIMITS: { coldRequests } });

  it("may be asked for so often by one identity, and no more; others, and what is cached, are as ever", async () => {
    const [name = "", other = ""] = await images("cold", 2);
    const cache = few(10);
    expect((await receive(cache.fetch(manifest(name), MALLORY))).status).toBe(200);
    const statuses: number[] = [];
    for (let at = 0; at < 6; at++)
      statuses.push((await cache.fetch(`open/${name}/manifests/none-${at}`, MALLORY)).status);
    expect(statuses.slice(0, 2)).toEqual([404, 404]);
    expect(statuses.at(-1)).toBe(429);
    const asked = (await fixture.requests({ repository: name })).length;
    for (const path of [
      `open/${name}/manifests/sha256:${"a".repeat(64)}`,
      `open/${name}/blobs/sha256:${"b".repeat(64)}`,
      `open/${other}/tags/list?n=7`,
      `open/${name}/referrers/sha256:${"c".repeat(64)}`,
    ]) {
      for (const method of path.includes("tags") || path.includes("referrers")
        ? ["GET"]
        : ["GET", "HEAD"]) {
        const response = await cache.fetch(path, { method, ...MALLORY });
        expect([path, method, response.status]).toEqual([path, method, 429]);
        expect(Number(response.headers.get("retry-after"))).toBeGreaterThan(0);
      }
    }
    expect(await fixture.requests({ repository: name })).toHaveLength(asked);
    expect((await receive(cache.fetch(manifest(name), MALLORY))).status).toBe(200);
    expect((await receive(cache.fetch(manifest(other), ALICE))).status).toBe(200);
    expect((await cache.fetch(`open/${name}/manifests/none-0`, ALICE)).status).toBe(404);
  });

  it("costs nothing to who joins: a fleet with one token pulls a cold image", async () => {
    const name = repository("fleet");
    const image = await fixture.image(name, "1", { layers: [1000, 2000, 3000] });
    const cache = few(10);
    const fleet = async (path: string) => {
      const answers = Array.from({ length: 100 }, () => receive(cache.fetch(path, MALLORY)));
      return [...new Set((await Promise.all(answers)).map(({ status }) => status))];
    };
    expect(await fleet(`open/${name}/manifests/1`)).toEqual([200]);
    for (const { digest } of [image.config, ...image.layers])
      expect(await fleet(`open/${name}/blobs/${digest}`)).toEqual([200]);
  });

  it.each(["manifests/1", "manifests/DIGEST", "blobs/LAYER", "tags/list"])(
    "is fetched for who joined one whose share is used up: %s",
    async (path) => {
      const [name = "", other = ""] = await images("joined", 2);
      const image = await fixture.image(name, "1", { seed: name });
      const cache = few(1);
      for (let at = 0; at < 2; at++)
        await problemOf(cache.fetch(`open/${other}/manifests/no-${at}`, MALLORY));
      const real = path
        .replace("DIGEST", image.digest)
        .replace("LAYER", image.layers[0]?.digest as string);
      const [own, joined] = await Promise.all([
        cache.fetch(`open/${name}/${real}`, MALLORY),
        ...Array.from({ length: 5 }, () => cache.fetch(`open/${name}/${real}`, ALICE)),
      ]);
      expect(own?.status).toBe(429);
      expect(joined?.status).toBe(200);
    },
  );

  it("does not keep others from hearing that a tag has moved", async () => {
    const [name = "", other = ""] = await images("stale", 2);
    const cache = cacheApart({ tagTtl: "1s" }, { LIMITS: { coldRequests: 10 } });
    await receive(cache.fetch(manifest(name), ALICE));
    const moved = await fixture.image(name, "1", { seed: `${name}-2` });
    for (let at = 0; at < 4; at++)
      await problemOf(cache.fetch(`open/${other}/manifests/no-${at}`, MALLORY));
    vi.setSystemTime(Date.now() + 2_000);
    const stale = await cache.fetch(manifest(name), MALLORY);
    expect(stale.headers.get("warning")).toContain("uncached requests");
    const fresh = await cache.fetch(manifest(name), ALICE);
    expect(fresh.headers.get("docker-content-digest")).toBe(moved.digest);
  });

  it("is shown where upstreams are, as a number and no name", async () => {
    const [name = ""] = await images("shown", 1);
    const path = apartPath();
    const RULES = [{ prefix: "open", upstream: fixture.url("open") + path }];
    const cache = new Cache({ RULES, ADMIN_TOKEN: ADMIN, LIMITS: { coldRequests: 1 } });
    for (let at = 0; at < 3; at++)
      await problemOf(cache.fetch(`open/${name}/manifests/no-${at}`, MALLORY));
    const admin = { headers: bearer(ADMIN) };
    const told = await (await cache.ask("https://cache.example/api/upstreams", admin)).text();
    expect(JSON.parse(told)).toMatchObject({ upstreams: [{ spent: 1 }] });
    expect(told).not.toContain("192.0.2.66");
    const metrics = await (await cache.ask("https://cache.example/metrics", admin)).text();
    expect(metrics).toMatch(/entrepot_upstream_spent_identities\{upstream="[^"]*"\} 1/);
  });
});

describe("a fill of an older version, which names nobody,", () => {
  let rule: Parameters<ReturnType<typeof openGate>["lend"]>[0];
  beforeAll(async () => {
    const { readConfig } = await import("../../src/config/read.ts");
    const RULES = [{ prefix: "old", upstream: fixture.url("open") + apartPath() }];
    const [first] = readConfig({ RULES, AUTH: { mode: "token" } }).rules;
    rule = first?.rule as typeof rule;
  });

  it("is lent to, and heard", async () => {
    const gate = openGate(env as unknown as Env);
    const use = {
      repository: "repository:x:pull",
      pull: false,
      background: false,
      reserve: 0,
      deadline: 1000,
    };
    const loan = await gate.lend(rule, "repository:x:pull", use);
    const error = { code: "UNAVAILABLE", message: "up answered 503", status: 503 } as const;
    for (const name of ["x", "y", "z"]) {
      const seen = {
        askedAt: loan.lentAt,
        repository: `repository:${name}:pull`,
        pull: false,
        error,
      };
      await gate.report(rule, seen);
    }
    const { pauses } = await gate.state(rule);
    expect(pauses[0]).toMatchObject({ of: "identities", count: 1 });
  });
});
