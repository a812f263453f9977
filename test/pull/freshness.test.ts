// Freshness: when a tag is checked, how often, and what is answered meanwhile.

import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Env } from "../../src/env.ts";
import { problemOf } from "../http/problem.ts";
import { laggingKv } from "../support/bindings.ts";
import { apartPath, Cache, cacheApart, fixture, repository } from "../support/cache.ts";

const { META } = env as unknown as Env;
const MINUTE = 60_000;

afterEach(() => vi.useRealTimers());

function later(time: number): void {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + time });
}

const methods = async (name: string) =>
  (await fixture.requests({ repository: name })).map(({ method }) => method);

async function digestOf(response: Response | Promise<Response>): Promise<string | null> {
  const answered = await response;
  await answered.arrayBuffer();
  return answered.headers.get("docker-content-digest");
}

describe("a stale tag", () => {
  it("is checked by one HEAD for any number of waiters, and then not until it is stale again", async () => {
    const name = repository("waiters");
    const { digest } = await fixture.image(name, "1");
    const cache = cacheApart({ tagTtl: "5m" });
    await digestOf(cache.fetch(`open/${name}/manifests/1`));
    later(6 * MINUTE);
    await fixture.fault({ match: { repository: name, method: "HEAD" }, do: { hold: name } });
    const waiters = Array.from({ length: 20 }, () =>
      digestOf(cache.fetch(`open/${name}/manifests/1`)),
    );
    await fixture.held(name);
    await fixture.release(name);
    expect(new Set(await Promise.all(waiters))).toEqual(new Set([digest]));
    expect(await methods(name)).toEqual(["HEAD", "GET", "HEAD"]);
    later(4 * MINUTE);
    await digestOf(cache.fetch(`open/${name}/manifests/1`));
    expect(await methods(name)).toHaveLength(3);
  });

  it("that has moved costs one GET by digest more, for GET and HEAD alike", async () => {
    const name = repository("moved");
    await fixture.image(name, "1");
    const cache = cacheApart({ tagTtl: "5m" });
    await digestOf(cache.fetch(`open/${name}/manifests/1`));
    const moved = await fixture.image(name, "1", { seed: `${name}-2` });
    later(6 * MINUTE);
    const requests = ["HEAD", "GET", "GET"].map((method) =>
      digestOf(cache.fetch(`open/${name}/manifests/1`, { method })),
    );
    expect(new Set(await Promise.all(requests))).toEqual(new Set([moved.digest]));
    expect(await methods(name)).toEqual(["HEAD", "GET", "HEAD", "GET"]);
  });

  it("is checked once although KV lags", async () => {
    const name = repository("lag");
    await fixture.image(name, "1");
    const fields = { tagTtl: "1m" };
    const cache = cacheApart(fields, { META: laggingKv(META) });
    for (let at = 0; at < 3; at++) await digestOf(cache.fetch(`open/${name}/manifests/1`));
    later(2 * MINUTE);
    for (let at = 0; at < 3; at++) await digestOf(cache.fetch(`open/${name}/manifests/1`));
    expect(await methods(name)).toEqual(["HEAD", "GET", "HEAD"]);
  });

  it.each([
    ["405", { status: 405 }],
    ["401 on HEAD alone", { status: 401 }],
    ["no digest", { omitDigest: true }],
  ] as const)("is checked by GET where HEAD answers %s", async (_, fault) => {
    const name = repository("by-get");
    const { digest } = await fixture.image(name, "1");
    const cache = cacheApart({ tagTtl: "1m" });
    await fixture.fault({ match: { repository: name, method: "HEAD" }, times: 0, do: fault });
    for (let at = 0; at < 2; at++) {
      expect(await digestOf(cache.fetch(`open/${name}/manifests/1`))).toBe(digest);
      later(2 * MINUTE);
    }
    expect(await methods(name)).toEqual(["HEAD", "GET", "HEAD", "GET"]);
  });
});

describe("immutableTags", () => {
  it.each([
    { title: "a glob over tags", immutableTags: ["v*"], once: true },
    { title: "a glob over names and tags", immutableTags: ["immutable-*:v1"], once: true },
    { title: "of another name", immutableTags: ["other:v1"], once: false },
    { title: "of other tags", immutableTags: ["release-*"], once: false },
  ])("are checked once: $title", async ({ immutableTags, once }) => {
    const name = repository("immutable");
    await fixture.image(name, "v1");
    const cache = cacheApart({ immutableTags, allowNoCache: true });
    const headers = once ? { "Cache-Control": "no-cache" } : {};
    for (let at = 0; at < 3; at++) {
      await digestOf(cache.fetch(`open/${name}/manifests/v1`, { headers }));
      later(400 * 24 * 60 * MINUTE);
    }
    expect(await methods(name)).toEqual(once ? ["HEAD", "GET"] : ["HEAD", "GET", "HEAD", "HEAD"]);
  });
});

describe("staleWhileRevalidate", () => {
  const fields = { tagTtl: "5m", staleWhileRevalidate: "10m" };

  it("answers at once within it, and checks in the background", async () => {
    const name = repository("swr");
    const first = await fixture.image(name, "1");
    const cache = cacheApart(fields);
    await digestOf(cache.fetch(`open/${name}/manifests/1`));
    const moved = await fixture.image(name, "1", { seed: `${name}-2` });
    later(6 * MINUTE);
    await fixture.fault({ match: { repository: name, method: "HEAD" }, do: { hold: name } });
    const passing = await cache.fetch(`open/${name}/manifests/1`);
    expect(passing.headers.get("cache-status")).toBe("entrepot; hit; ttl=-60");
    expect(await digestOf(passing)).toBe(first.digest);
    await fixture.held(name);
    await fixture.release(name);
    await cache.settled();
    expect(await methods(name)).toEqual(["HEAD", "GET", "HEAD", "GET"]);
    const next = await cache.fetch(`open/${name}/manifests/1`);
    expect(next.headers.get("cache-status")).toBe("entrepot-kv; hit");
    expect(await digestOf(next)).toBe(moved.digest);
    expect(await methods(name)).toHaveLength(4);
  });

  it("checks the tag before the answer once it is over", async () => {
    const name = repository("swr-over");
    await fixture.image(name, "1");
    const cache = cacheApart(fields);
    await digestOf(cache.fetch(`open/${name}/manifests/1`));
    const moved = await fixture.image(name, "1", { seed: `${name}-2` });
    later(16 * MINUTE);
    expect(await digestOf(cache.fetch(`open/${name}/manifests/1`))).toBe(moved.digest);
  });

  it("leaves the reserved pulls to clients", async () => {
    const name = repository("swr-reserve");
    const first = await fixture.image(name, "1");
    const cache = cacheApart({ ...fields, reservePulls: 5 });
    await fixture.rateLimit({ server: "open", repository: name, limit: 100, remaining: 6 });
    await digestOf(cache.fetch(`open/${name}/manifests/1`));
    const moved = await fixture.image(name, "1", { seed: `${name}-2` });
    later(6 * MINUTE);
    expect(await digestOf(cache.fetch(`open/${name}/manifests/1`))).toBe(first.digest);
    await cache.settled();
    expect(await methods(name)).toEqual(["HEAD", "GET", "HEAD"]);
    // A client waits: the reserved pulls are for this, so the check starts at once.
    later(10 * MINUTE + 1000);
    expect(await digestOf(cache.fetch(`open/${name}/manifests/1`))).toBe(moved.digest);
    expect((await methods(name)).filter((method) => method === "GET")).toHaveLength(2);
  });
});

it("a client that joins a background check, which may not use the reserved pulls, starts its own check", async () => {
  const name = repository("swr-joined");
  const { digest } = await fixture.image(name, "1");
  const rule = {
    prefix: "p",
    upstream: fixture.url("open") + apartPath(),
    tagTtl: "5m",
    reservePulls: 5,
  };
  const patient = new Cache({ RULES: [{ ...rule, staleWhileRevalidate: "10m" }] });
  const strict = new Cache({ RULES: [rule] });
  await fixture.rateLimit({ server: "open", repository: name, limit: 100, remaining: 4 });
  const head = { repository: name, method: "HEAD" };
  await fixture.fault({ match: head, do: { status: 405 } });
  await digestOf(patient.fetch(`p/${name}/manifests/1`));
  later(6 * MINUTE);
  await fixture.fault({ match: head, do: { hold: name, status: 405 } });
  await fixture.fault({ match: head, times: 0, do: { status: 405 } });
  expect(await digestOf(patient.fetch(`p/${name}/manifests/1`))).toBe(digest);
  await fixture.held(name);
  const joined = strict.fetch(`p/${name}/manifests/1`);
  await fixture.release(name);
  const response = await joined;
  expect(response.headers.get("warning")).toBeNull();
  expect(await digestOf(response)).toBe(digest);
  await patient.settled();
  const gets = (await methods(name)).filter((method) => method === "GET");
  expect(gets).toHaveLength(2);
});

describe("Cache-Control: no-cache", () => {
  const headers = { "Cache-Control": "max-age=0, no-cache" };

  it.each([
    { title: "has the tag checked where the rule allows it", allowNoCache: true, heads: 2 },
    { title: "is ignored where it does not", allowNoCache: false, heads: 1 },
  ])("$title", async ({ allowNoCache, heads }) => {
    const name = repository("no-cache");
    await fixture.image(name, "1");
    const cache = cacheApart({ allowNoCache });
    await digestOf(cache.fetch(`open/${name}/manifests/1`));
    const moved = await fixture.image(name, "1", { seed: `${name}-2` });
    const digest = await digestOf(cache.fetch(`open/${name}/manifests/1`, { headers }));
    expect(digest === moved.digest).toBe(allowNoCache);
    const requests = (await methods(name)).filter((method) => method === "HEAD");
    expect(requests).toHaveLength(heads);
  });

  it("that finds a newer digest is not undone by a late answer with an older one", async () => {
    const name = repository("no-cache-late");
    const first = await fixture.image(name, "1");
    const cache = cacheApart({ allowNoCache: true });
    const path = `open/${name}/manifests/1`;
    const match = { repository: name, method: "GET", reference: first.digest };
    await fixture.fault({ match, do: { hold: name } });
    const late = digestOf(cache.fetch(path));
    await fixture.held(name);
    const moved = await fixture.image(name, "1", { seed: `${name}-2` });
    const headers = { "Cache-Control": "no-cache" };
    expect(await digestOf(cache.fetch(path, { headers }))).toBe(moved.digest);
    await fixture.release(name);
    expect(await late).toBe(first.digest);
    expect(await digestOf(cache.fetch(path))).toBe(moved.digest);
  });

  it("that finds the tag deleted removes it from memory too", async () => {
    const name = repository("no-cache-gone");
    await fixture.image(name, "1");
    const cache = cacheApart({ allowNoCache: true });
    const path = `open/${name}/manifests/1`;
    for (let at = 0; at < 2; at++) expect((await cache.fetch(path)).status).toBe(200);
    await fixture.remove(name, "1");
    const headers = { "Cache-Control": "no-cache" };
    expect((await cache.fetch(path, { headers })).status).toBe(404);
    expect((await cache.fetch(path)).status).toBe(404);
  });

  it("finds a tag that was pushed after a 404", async () => {
    const name = repository("no-cache-pushed");
    await fixture.image(name, "1");
    const cache = cacheApart({ allowNoCache: true });
    await problemOf(cache.fetch(`open/${name}/manifests/2`));
    const pushed = await fixture.image(name, "2", { seed: `${name}-2` });
    await problemOf(cache.fetch(`open/${name}/manifests/2`));
    expect(await digestOf(cache.fetch(`open/${name}/manifests/2`, { headers }))).toBe(
      pushed.digest,
    );
  });

  it("says that the client asked for it", async () => {
    const name = repository("no-cache-status");
    await fixture.image(name, "1");
    const cache = cacheApart({ allowNoCache: true });
    await digestOf(cache.fetch(`open/${name}/manifests/1`));
    const response = await cache.fetch(`open/${name}/manifests/1`, { headers });
    expect(response.headers.get("cache-status")).toBe("entrepot; fwd=request");
  });
});

describe("unknown content", () => {
  const MISSING = `sha256:${"7".repeat(64)}`;

  it.each([
    { kind: "a tag", path: "manifests/none", methodsOnce: ["HEAD", "GET"] },
    { kind: "a digest", path: `manifests/${MISSING}`, methodsOnce: ["GET"] },
    { kind: "a blob", path: `blobs/${MISSING}`, methodsOnce: ["GET"] },
    { kind: "a name's tags", path: "tags/list", methodsOnce: ["GET"] },
  ])(
    "is requested once, and again once the 404 is stale: $kind",
    async ({ kind, path, methodsOnce }) => {
      const name = repository("unknown");
      if (kind !== "a name's tags") await fixture.image(name, "1");
      const cache = cacheApart();
      const ask = async (method = "GET") =>
        expect((await cache.fetch(`open/${name}/${path}`, { method })).status).toBe(404);
      await Promise.all(Array.from({ length: 10 }, () => ask()));
      for (let at = 0; at < 5; at++) await ask();
      expect(await methods(name)).toEqual(methodsOnce);
      later(11_000);
      await ask();
      expect(await methods(name)).toEqual([...methodsOnce, ...methodsOnce]);
    },
  );

  it.each([
    ["a digest", `manifests/${MISSING}`],
    ["a blob", `blobs/${MISSING}`],
  ])("is requested by one HEAD, and a GET that confirms it: %s", async (_, path) => {
    const name = repository("unknown-head");
    await fixture.image(name, "1");
    const cache = cacheApart();
    for (let at = 0; at < 5; at++)
      expect((await cache.head(`open/${name}/${path}`)).status).toBe(404);
    expect(await methods(name)).toEqual(["HEAD", "GET"]);
  });

  it("is remembered for the rule's time, and a digest for ten seconds at most", async () => {
    const name = repository("negative-ttl");
    const cache = cacheApart({ negativeTtl: "10m" });
    await fixture.image(name, "1");
    for (const path of ["manifests/2", `manifests/${MISSING}`])
      await problemOf(cache.fetch(`open/${name}/${path}`));
    later(MINUTE);
    for (const path of ["manifests/2", `manifests/${MISSING}`])
      await problemOf(cache.fetch(`open/${name}/${path}`));
    const requests = await fixture.requests({ repository: name });
    expect(requests.map(({ method, reference }) => `${method} ${reference}`)).toEqual([
      "HEAD 2",
      "GET 2",
      `GET ${MISSING}`,
      `GET ${MISSING}`,
    ]);
  });

  it("is known once it is pushed and a tag names it", async () => {
    const [name, elsewhere] = [repository("pushed"), repository("elsewhere")];
    const cache = cacheApart();
    const image = await fixture.image(elsewhere, "1", { seed: name });
    await problemOf(cache.fetch(`open/${name}/manifests/${image.digest}`));
    await fixture.image(name, "1");
    expect(await digestOf(cache.fetch(`open/${name}/manifests/1`))).toBe(image.digest);
  });

  it("a refusal is remembered for five seconds, and for its own credential", async () => {
    const name = `private/${repository("refused")}`;
    await fixture.image(name, "1");
    const cache = cacheApart();
    for (let at = 0; at < 4; at++) {
      expect((await cache.fetch(`bearer/${name}/manifests/1`)).status).toBe(401);
    }
    const before = (await fixture.requests({ repository: name, kind: "manifest" })).length;
    expect(before).toBeLessThanOrEqual(4); // HEAD and GET, each without and with a token
    expect((await cache.fetch(`robot/${name}/manifests/1`)).status).toBe(200);
    later(6_000);
    expect((await cache.fetch(`bearer/${name}/manifests/1`)).status).toBe(401);
    const requests = await fixture.requests({ repository: name, kind: "manifest" });
    expect(requests.length).toBeGreaterThan(before);
  });
});

describe("a tag's object that cannot be reached", () => {
  const broken = () => {
    throw Object.assign(new Error("overloaded"), { overloaded: true });
  };
  const TAG_FILL = { idFromName: () => "id", get: () => ({ check: broken }) };

  it("known tags are served, labelled", async () => {
    const name = repository("platform");
    const { digest } = await fixture.image(name, "1");
    const path = apartPath();
    const rule = { prefix: "p", upstream: fixture.url("open") + path, tagTtl: "1m" };
    const before = new Cache({ RULES: [rule] });
    await digestOf(before.fetch(`p/${name}/manifests/1`));
    await before.settled();
    later(2 * MINUTE);
    const response = await new Cache({ RULES: [rule], TAG_FILL }).fetch(`p/${name}/manifests/1`);
    expect(response.headers.get("warning")).toContain("could not be checked");
    expect(await digestOf(response)).toBe(digest);
  });
});

it("twenty concurrent clients of an upstream with a wrong HEAD cause one GET by tag", async () => {
  const name = repository("wrong-head");
  const { digest } = await fixture.image(name, "1");
  const digestHeader = `sha256:${"a".repeat(64)}`;
  await fixture.fault({
    match: { repository: name, method: "HEAD" },
    times: 0,
    do: { digestHeader },
  });
  const cache = cacheApart();
  const pulls = Array.from({ length: 20 }, () => digestOf(cache.fetch(`open/${name}/manifests/1`)));
  expect(new Set(await Promise.all(pulls))).toEqual(new Set([digest]));
  const gets = await fixture.requests({ repository: name, method: "GET", reference: "1" });
  expect(gets).toHaveLength(1);
});
