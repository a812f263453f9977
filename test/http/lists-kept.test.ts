// Lists are kept for a while: asked for once, and served past their time while the upstream fails.

import { afterEach, describe, expect, it, vi } from "vitest";
import { apartPath, Cache, cacheApart, fixture, repository } from "../support/cache.ts";
import { problemOf } from "./problem.ts";

const MINUTE = 60_000;

afterEach(() => vi.useRealTimers());

function later(time: number): void {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + time });
}

async function stage(hint: string) {
  const name = repository(hint);
  const image = await fixture.image(name, "1");
  for (const tag of ["2", "3"]) await fixture.image(name, tag, { seed: `${name}-${tag}` });
  const signature = await fixture.referrer(name, image, "application/vnd.example.signature");
  return { name, image, signature };
}

const requests = (name: string, kind: "tags" | "referrers") =>
  fixture.requests({ repository: name, kind });

describe("a tag list", () => {
  it("is requested once for concurrent clients, and again when it is stale", async () => {
    const { name } = await stage("list");
    const cache = cacheApart({ listTtl: "5m" });
    const ask = async () =>
      ((await (await cache.fetch(`open/${name}/tags/list`)).json()) as { tags: string[] }).tags;
    const lists = await Promise.all(Array.from({ length: 10 }, ask));
    expect(lists).toEqual(Array.from({ length: 10 }, () => ["1", "2", "3"]));
    await fixture.image(name, "4", { seed: `${name}-4` });
    later(4 * MINUTE);
    expect(await ask()).toEqual(["1", "2", "3"]);
    expect(await requests(name, "tags")).toHaveLength(1);
    later(2 * MINUTE);
    expect(await ask()).toEqual(["1", "2", "3", "4"]);
    expect(await requests(name, "tags")).toHaveLength(2);
  });

  it("is kept page by page", async () => {
    const { name } = await stage("list-pages");
    const cache = cacheApart();
    for (let at = 0; at < 2; at++) {
      const first = await cache.fetch(`open/${name}/tags/list?n=2`);
      expect(await first.json()).toMatchObject({ tags: ["1", "2"] });
      expect(first.headers.get("link")).toContain("last=2");
      const last = await cache.fetch(`open/${name}/tags/list?n=2&last=2`);
      expect(await last.json()).toMatchObject({ tags: ["3"] });
      expect(last.headers.get("link")).toBeNull();
    }
    expect(await requests(name, "tags")).toHaveLength(2);
  });

  it.each([
    { title: "fails", fault: { status: 503 }, forwarded: "; fwd-status=503" },
    { title: "limits", fault: { status: 429 }, forwarded: "; fwd-status=429" },
    { title: "hangs up", fault: { reset: true as const }, forwarded: "" },
  ])(
    "is served past its time, labelled, while the upstream $title",
    async ({ fault, forwarded }) => {
      const { name } = await stage("list-stale");
      const cache = cacheApart();
      await (await cache.fetch(`open/${name}/tags/list`)).json();
      await fixture.fault({ match: { repository: name }, times: 0, do: fault });
      later(10 * MINUTE);
      const response = await cache.fetch(`open/${name}/tags/list`);
      expect(await response.json()).toEqual({ name: `open/${name}`, tags: ["1", "2", "3"] });
      expect(response.headers.get("cache-status")).toBe(`entrepot; hit; fwd=stale${forwarded}`);
      expect(response.headers.get("age")).toBe("600");
      expect(response.headers.get("warning")).toMatch(
        /^299 - ".*; serving the list as of 10 min ago"$/,
      );
    },
  );

  it("that was never requested has the cached tags while the upstream fails", async () => {
    const { name } = await stage("list-cached");
    const cache = cacheApart();
    for (const tag of ["3", "1"]) await (await cache.fetch(`open/${name}/manifests/${tag}`)).text();
    await fixture.fault({ match: { repository: name }, times: 0, do: { status: 503 } });
    const response = await cache.fetch(`open/${name}/tags/list`);
    expect(await response.json()).toEqual({ name: `open/${name}`, tags: ["1", "3"] });
    expect(response.headers.get("cache-status")).toBe("entrepot; hit; fwd=stale; fwd-status=503");
    expect(response.headers.get("warning")).toContain("cached here");
    const page = await cache.fetch(`open/${name}/tags/list?n=1`);
    expect(await page.json()).toMatchObject({ tags: ["1"] });
    expect(page.headers.get("link")).toContain("last=1");
    expect(await (await cache.fetch(`open/${name}/tags/list?n=0`)).json()).toMatchObject({
      tags: [],
    });
  });

  it("of cached tags leaves out those that are gone", async () => {
    const { name } = await stage("list-gone");
    const cache = cacheApart({ tagTtl: "1m" });
    for (const tag of ["1", "2"]) await (await cache.fetch(`open/${name}/manifests/${tag}`)).text();
    await fixture.remove(name, "1");
    later(2 * MINUTE);
    expect((await cache.fetch(`open/${name}/manifests/1`)).status).toBe(404);
    await fixture.fault({ match: { repository: name }, times: 0, do: { status: 503 } });
    expect(await (await cache.fetch(`open/${name}/tags/list`)).json()).toMatchObject({
      tags: ["2"],
    });
  });

  it("fails as the upstream does where nothing is cached", async () => {
    const name = repository("list-nothing");
    await fixture.fault({ match: { repository: name }, times: 0, do: { status: 503 } });
    const problem = await problemOf(cacheApart().fetch(`open/${name}/tags/list`));
    expect(problem).toMatchObject({ status: 503, code: "UNAVAILABLE" });
  });

  it("of a deleted repository is 404, also in a later outage", async () => {
    const { name } = await stage("list-404");
    const cache = cacheApart();
    await (await cache.fetch(`open/${name}/tags/list`)).json();
    const id = await fixture.fault({ match: { repository: name }, times: 0, do: { status: 404 } });
    later(2 * MINUTE);
    expect((await cache.fetch(`open/${name}/tags/list`)).status).toBe(404);
    await fixture.heal({ id });
    await fixture.fault({ match: { repository: name }, times: 0, do: { status: 503 } });
    later(2 * MINUTE);
    expect((await cache.fetch(`open/${name}/tags/list`)).status).toBe(503);
  });
});

it("an offline rule does not affect another rule of its upstream", async () => {
  const { name } = await stage("list-two-rules");
  const upstream = fixture.url("open") + apartPath();
  const rules = [
    { prefix: "off", upstream, offline: true },
    { prefix: "on", upstream },
  ];
  const cache = new Cache({ RULES: rules });
  await (await cache.fetch(`on/${name}/tags/list`)).json();
  later(10 * MINUTE);
  for (const [prefix, warned] of [
    ["off", true],
    ["on", false],
  ] as const) {
    const response = await cache.fetch(`${prefix}/${name}/tags/list`);
    expect(response.status).toBe(200);
    expect(response.headers.has("warning")).toBe(warned);
  }
});

describe("referrers", () => {
  it("are requested once, filtered by the cache, and served stale while the upstream fails", async () => {
    const { name, image, signature } = await stage("referrers-kept");
    const cache = cacheApart();
    const ask = async (query = "") => {
      const response = await cache.fetch(`open/${name}/referrers/${image.digest}${query}`);
      const { manifests } = (await response.json()) as { manifests: { digest: string }[] };
      return { digests: manifests.map(({ digest }) => digest), headers: response.headers };
    };
    expect((await ask()).digests).toEqual([signature.digest]);
    expect((await ask("?artifactType=other%2Ftype")).digests).toEqual([]);
    expect(await requests(name, "referrers")).toHaveLength(1);
    await fixture.fault({ match: { repository: name }, times: 0, do: { status: 500 } });
    later(10 * MINUTE);
    const { digests, headers } = await ask();
    expect(digests).toEqual([signature.digest]);
    expect(headers.get("cache-status")).toBe("entrepot; hit; fwd=stale; fwd-status=500");
    expect(headers.get("warning")).toMatch(/^299 - /);
  });
});
