// Bearer tokens: asked for once, kept while they last, and asked for again when they do not.

import { afterEach, describe, expect, it, vi } from "vitest";
import { problemOf } from "../http/problem.ts";
import { Cache, cacheApart, fixture, repository } from "../support/cache.ts";
import type { TokenSettings } from "../support/fixture.ts";
import { receive } from "../support/transfers.ts";

const cache = new Cache();

afterEach(() => vi.useRealTimers());

/** What is cold: that many small blobs, each to be fetched from the upstream. */
async function blobs(name: string, count: number): Promise<string[]> {
  const infos = Array.from({ length: count }, () => fixture.blob(name, crypto.randomUUID()));
  return (await Promise.all(infos)).map(({ digest }) => digest);
}

async function pull(prefix: string, name: string, digests: string[], from = cache) {
  const pulls = digests.map((digest) => receive(from.fetch(`${prefix}/${name}/blobs/${digest}`)));
  const received = await Promise.all(pulls);
  expect(received.map(({ digest }) => digest)).toEqual(digests);
}

const tokenRequests = (name: string) => fixture.requests({ repository: name, kind: "token" });

describe("are asked for once", () => {
  it.each(["bearer", "robot"])("by thirty blobs at once: %s", async (prefix) => {
    const name = repository("thirty");
    await pull(prefix, name, await blobs(name, 30));
    expect(await tokenRequests(name)).toHaveLength(1);
  });

  it("by blobs one after another, and by manifests and tags", async () => {
    const name = repository("kept");
    const image = await fixture.image(name, "1");
    for (const digest of await blobs(name, 3)) await pull("bearer", name, [digest]);
    for (const path of ["manifests/1", `manifests/${image.digest}`, "tags/list"]) {
      expect((await cache.fetch(`bearer/${name}/${path}`)).status).toBe(200);
    }
    expect(await tokenRequests(name)).toHaveLength(1);
  });

  it("for each repository, whose token serves no other", async () => {
    const [one, other] = [repository("one"), repository("other")];
    for (const name of [one, other]) await pull("bearer", name, await blobs(name, 2));
    for (const name of [one, other]) {
      const [requests, ...more] = await tokenRequests(name);
      expect(new URLSearchParams(requests?.query).getAll("scope")).toEqual([
        `repository:${name}:pull`,
      ]);
      expect(more).toEqual([]);
    }
  });

  it("and then without a 401 before it", async () => {
    const [known, fresh] = [repository("known"), repository("fresh")];
    await pull("bearer", known, await blobs(known, 1));
    await pull("bearer", fresh, await blobs(fresh, 1));
    const requests = await fixture.requests({ repository: fresh });
    expect(requests.map(({ kind, status }) => [kind, status])).toEqual([
      ["token", 200],
      ["blob", expect.toSatisfy((status: number) => status < 300)],
    ]);
  });
});

describe("the token service may", () => {
  it.each<{ title: string; prefix: string; settings: Omit<TokenSettings, "repository"> }>([
    { title: "call it access_token", prefix: "bearer", settings: { field: "access_token" } },
    { title: "not say how long it lasts", prefix: "bearer", settings: { expiresIn: null } },
    {
      title: "say when it was issued",
      prefix: "bearer",
      settings: { issuedAt: "2020-01-01T00:00:00Z" },
    },
    { title: "take GET only", prefix: "robot", settings: { only: "GET" } },
    { title: "take POST only", prefix: "robot", settings: { only: "POST" } },
  ])("$title", async ({ prefix, settings }) => {
    const name = repository("service");
    await fixture.token({ repository: name, ...settings });
    await pull(prefix, name, await blobs(name, 5));
    const answered = (await tokenRequests(name)).filter(({ status }) => status === 200);
    expect(answered).toHaveLength(1);
  });

  it.each<{ title: string; fault: object; status: number; code: string }>([
    { title: "answer with a page", fault: { html: true }, status: 502, code: "UNAVAILABLE" },
    {
      title: "answer without a token",
      fault: { status: 200, body: "{}" },
      status: 502,
      code: "UNAVAILABLE",
    },
    {
      title: "answer with an empty one",
      fault: { status: 200, body: '{"token":""}' },
      status: 502,
      code: "UNAVAILABLE",
    },
    {
      title: "answer with two lines",
      fault: { status: 200, body: '{"token":"a\\nb"}' },
      status: 502,
      code: "UNAVAILABLE",
    },
    { title: "refuse", fault: { status: 401 }, status: 401, code: "UNAUTHORIZED" },
    { title: "forbid", fault: { status: 403 }, status: 403, code: "DENIED" },
    {
      title: "limit",
      fault: { status: 429, headers: { "retry-after": "9" } },
      status: 429,
      code: "TOOMANYREQUESTS",
    },
    { title: "fail", fault: { status: 500 }, status: 502, code: "UNAVAILABLE" },
    { title: "be overloaded", fault: { status: 503 }, status: 503, code: "UNAVAILABLE" },
    { title: "hang up", fault: { reset: true }, status: 502, code: "UNAVAILABLE" },
    { title: "redirect forever", fault: { redirect: "loop" }, status: 502, code: "UNAVAILABLE" },
  ])("$title, and is asked again a minute later", async ({ fault, status, code }) => {
    const name = repository("service-fails");
    const own = cacheApart();
    const digests = await blobs(name, 1);
    const id = await fixture.fault({
      match: { repository: name, kind: "token" },
      times: 0,
      do: fault,
    });
    const problem = await problemOf(own.fetch(`bearer/${name}/blobs/${digests[0]}`));
    expect(problem).toMatchObject({ status, code });
    if (status === 429) expect(problem.headers.get("retry-after")).toBe("9");
    await fixture.heal({ id });
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 61_000 });
    await pull("bearer", name, digests, own);
  });

  it("not answer in time", async () => {
    const name = repository("service-silent");
    const [digest] = await blobs(name, 1);
    await fixture.fault({
      match: { repository: name, kind: "token" },
      times: 0,
      do: { hold: name },
    });
    const impatient = cacheApart({ firstByteTimeout: "100ms" });
    const problem = await problemOf(impatient.fetch(`bearer/${name}/blobs/${digest}`));
    expect(problem).toMatchObject({ status: 504, code: "UNAVAILABLE" });
  });
});

describe("a token that has expired", () => {
  it("is not sent again: a new one is asked for, once, shortly before", async () => {
    const name = repository("expires");
    await fixture.token({ repository: name, expiresIn: 300, lifetime: 100_000 });
    vi.useFakeTimers({ toFake: ["Date"] });
    await pull("bearer", name, await blobs(name, 1));
    vi.setSystemTime(Date.now() + 280_000);
    await pull("bearer", name, await blobs(name, 10));
    expect(await tokenRequests(name)).toHaveLength(1);
    vi.setSystemTime(Date.now() + 15_000);
    await pull("bearer", name, await blobs(name, 10));
    expect(await tokenRequests(name)).toHaveLength(2);
  });

  it("lasts a minute where the service does not say", async () => {
    const name = repository("default-life");
    await fixture.token({ repository: name, expiresIn: null, lifetime: 100_000 });
    vi.useFakeTimers({ toFake: ["Date"] });
    await pull("bearer", name, await blobs(name, 1));
    vi.setSystemTime(Date.now() + 40_000);
    await pull("bearer", name, await blobs(name, 1));
    expect(await tokenRequests(name)).toHaveLength(1);
    vi.setSystemTime(Date.now() + 20_001);
    await pull("bearer", name, await blobs(name, 1));
    expect(await tokenRequests(name)).toHaveLength(2);
  });

  it("sooner than it said is replaced, once", async () => {
    const name = repository("short");
    await fixture.token({ repository: name, expiresIn: 300 });
    await pull("bearer", name, await blobs(name, 1));
    await fixture.revoke(name);
    await pull("bearer", name, await blobs(name, 10));
    expect(await tokenRequests(name)).toHaveLength(2);
    await fixture.revoke(name);
    await pull("bearer", name, await blobs(name, 10));
    expect(await tokenRequests(name)).toHaveLength(3);
  });

  it("as soon as it is given is not asked for without end", async () => {
    const name = repository("never-valid");
    await fixture.token({ repository: name, expiresIn: 300, lifetime: -1 });
    const [digest] = await blobs(name, 1);
    const problem = await problemOf(cache.fetch(`bearer/${name}/blobs/${digest}`));
    expect(problem).toMatchObject({ status: 401, code: "UNAUTHORIZED" });
    expect((await tokenRequests(name)).length).toBeLessThanOrEqual(2);
  });
});
