// Upstreams that limit or cut a page of tags (distribution#4844): what they list is here whole, or says by a Link that it is not.

import { afterEach, describe, expect, it, vi } from "vitest";
import { type Cache, cacheApart, fixture, repository } from "../support/cache.ts";
import type { RepositorySettings } from "../support/fixture.ts";
import { problemOf } from "./problem.ts";

afterEach(() => vi.useRealTimers());

const TAGS = Array.from({ length: 130 }, (_, at) => `v${String(at).padStart(3, "0")}`);

async function listed(hint: string, settings: RepositorySettings, tags = TAGS) {
  const name = repository(hint);
  const { digest } = await fixture.image(name, undefined);
  await Promise.all(tags.map((tag) => fixture.tag(name, tag, digest)));
  await fixture.settings(name, settings);
  const queries = async () =>
    (await fixture.requests({ repository: name, kind: "tags" })).map(({ query }) => query);
  return { name, path: `open/${name}/tags/list`, queries };
}

/** The pages as Link leads to them. */
async function follow(cache: Cache, path: string): Promise<string[][]> {
  const pages: string[][] = [];
  for (let next: string | undefined = path; next !== undefined; ) {
    const response = await cache.fetch(next);
    expect([next, response.status, response.headers.get("warning")]).toEqual([next, 200, null]);
    pages.push(((await response.json()) as { tags: string[] }).tags);
    if (pages.length > 200) throw new Error("the pages have no end");
    const link = response.headers.get("link");
    next = /^<\/v2\/([^>]+)>; rel="next"$/.exec(link ?? "")?.[1];
  }
  return pages;
}

describe("a page over the upstream's limit is requested in smaller pages, and joined", () => {
  it.each([
    { title: "a limit of 100", query: "?n=10000", settings: { tagLimit: 100 }, sizes: [130] },
    {
      title: "a limit below all that is tried",
      query: "?n=10000",
      settings: { tagLimit: 7 },
      sizes: [130],
    },
    {
      title: "413",
      query: "?n=10000",
      settings: { tagLimit: 100, tagLimitStatus: 413 },
      sizes: [130],
    },
    {
      title: "416",
      query: "?n=10000",
      settings: { tagLimit: 100, tagLimitStatus: 416 },
      sizes: [130],
    },
    {
      title: "422",
      query: "?n=10000",
      settings: { tagLimit: 100, tagLimitStatus: 422 },
      sizes: [130],
    },
    {
      title: "406",
      query: "?n=10000",
      settings: { tagLimit: 100, tagLimitStatus: 406 },
      sizes: [130],
    },
    {
      title: "an absolute Link",
      query: "?n=10000",
      settings: { tagLimit: 100, tagLink: "absolute" },
      sizes: [130],
    },
    {
      title: "an internal Link",
      query: "?n=10000",
      settings: { tagLimit: 100, tagLink: "internal" },
      sizes: [130],
    },
    {
      title: "a relative Link",
      query: "?n=10000",
      settings: { tagLimit: 100, tagLink: "relative" },
      sizes: [130],
    },
    {
      title: "a Link of a query alone",
      query: "?n=10000",
      settings: { tagLimit: 100, tagLink: "query" },
      sizes: [130],
    },
    {
      title: "no Link",
      query: "?n=10000",
      settings: { tagLimit: 100, tagLink: "none" },
      sizes: [130],
    },
    {
      title: "pages of its own size",
      query: "?n=10000",
      settings: { tagLimit: 100, tagPage: 50 },
      sizes: [130],
    },
    // Of the last of 100 there is no room for a second page of 100.
    { title: "less than all", query: "?n=120", settings: { tagLimit: 100 }, sizes: [100, 30] },
    {
      title: "less than all in small pages",
      query: "?n=60",
      settings: { tagLimit: 10 },
      sizes: [60, ...Array(7).fill(10)],
    },
    { title: "a start", query: "?n=10000&last=v009", settings: { tagLimit: 100 }, sizes: [120] },
    { title: "a size that fits", query: "?n=100", settings: { tagLimit: 100 }, sizes: [100, 30] },
  ] as { title: string; query: string; settings: RepositorySettings; sizes: number[] }[])(
    "$title",
    async ({ query, settings, sizes }) => {
      const { path } = await listed("limited", settings);
      const pages = await follow(cacheApart(), path + query);
      expect(pages.flat()).toEqual(TAGS.slice(-sizes.reduce((all, one) => all + one, 0)));
      expect(pages.map((page) => page.length)).toEqual(sizes);
    },
  );

  it("is kept as one answer, and the limit is no failure of the upstream", async () => {
    const { path, queries, name } = await listed("limited-once", { tagLimit: 100 });
    const cache = cacheApart();
    for (let at = 0; at < 2; at++) await follow(cache, `${path}?n=10000`);
    expect(await queries()).toEqual(["?n=10000", "?n=1000", "?n=100", "?n=100&last=v099"]);
    await fixture.image(name, "pulled");
    expect((await cache.fetch(`open/${name}/manifests/pulled`)).status).toBe(200);
  });

  it("after a failure the rest is left behind a Link, and followed later", async () => {
    const { path, name } = await listed("limited-fails", { tagLimit: 100 });
    const cache = cacheApart();
    const match = { repository: name, kind: "tags" as const };
    await fixture.fault({ match, times: 2, do: { status: 400 } });
    await fixture.fault({ match, do: {} });
    await fixture.fault({ match, do: { status: 429 } });
    const first = await cache.fetch(`${path}?n=10000`);
    expect(await first.json()).toMatchObject({ tags: TAGS.slice(0, 100) });
    expect(first.headers.get("link")).toBe(`</v2/${path}?last=v099&n=100>; rel="next"`);
  });

  it("an upstream whose Link leads in a circle is not followed for ever", async () => {
    const { path, name, queries } = await listed("circle", { tagLimit: 100 });
    const link = { link: `</v2/${name}/tags/list?n=100>; rel="next"` };
    const match = { repository: name, kind: "tags" as const };
    await fixture.fault({ match, times: 2, do: { status: 400 } });
    await fixture.fault({ match, times: 0, do: { headers: link } });
    const response = await cacheApart().fetch(`${path}?n=10000`);
    expect(response.headers.get("link")).toContain("n=100");
    expect(await queries()).toHaveLength(3);
  });

  it("at most twenty pages are joined: the rest is behind a Link", async () => {
    const many = Array.from({ length: 210 }, (_, at) => `w${String(at).padStart(3, "0")}`);
    const { path, queries } = await listed("limited-many", { tagLimit: 10 }, many);
    const cache = cacheApart();
    const response = await cache.fetch(`${path}?n=10000`);
    expect(await response.json()).toMatchObject({ tags: many.slice(0, 200) });
    expect(response.headers.get("link")).toBe(`</v2/${path}?last=w199&n=10>; rel="next"`);
    expect(await queries()).toHaveLength(3 + 20);
    expect((await follow(cache, `${path}?n=10000`)).flat()).toEqual(many);
  });
});

describe("a page that the upstream cuts without a Link is detected", () => {
  it.each([
    {
      title: "to a round number",
      query: "?n=10000",
      settings: { tagPage: 100, tagLink: "none" },
      sizes: [130],
    },
    {
      title: "to a power of two",
      query: "?n=10000",
      settings: { tagPage: 64, tagLink: "none" },
      sizes: [130],
    },
    {
      title: "though no size was asked for",
      query: "",
      settings: { tagPage: 100, tagLink: "none" },
      sizes: [130],
    },
    {
      title: "to what was asked for",
      query: "?n=3&last=v122",
      settings: { tagLink: "none" },
      sizes: [3, 3, 1],
    },
    {
      title: "to what was asked for, all of it",
      query: "?n=130",
      settings: { tagLink: "none" },
      sizes: [130],
    },
    {
      title: "and passed on where a Link says it",
      query: "?n=10000",
      settings: { tagPage: 100 },
      sizes: [100, 30],
    },
  ] as { title: string; query: string; settings: RepositorySettings; sizes: number[] }[])(
    "$title",
    async ({ query, settings, sizes }) => {
      const { path } = await listed("cut", settings);
      const pages = await follow(cacheApart(), path + query);
      expect(pages.flat()).toEqual(TAGS.slice(-sizes.reduce((all, one) => all + one, 0)));
      expect(pages.map((page) => page.length)).toEqual(sizes);
    },
  );

  it.each([
    ["does not heed `last`", { status: 200, body: JSON.stringify({ tags: TAGS.slice(0, 100) }) }],
    ["refuses it", { status: 400 }],
    ["fails at it", { status: 500 }],
    ["has no page there", { status: 404 }],
  ])("an upstream that %s has no more", async (_, fault) => {
    const { path, name } = await listed("whole", {}, TAGS.slice(0, 100));
    const match = { repository: name, kind: "tags" as const };
    await fixture.fault({ match, do: {} });
    await fixture.fault({ match, times: 0, do: fault });
    expect(await follow(cacheApart(), `${path}?n=10000`)).toEqual([TAGS.slice(0, 100)]);
  });
});

describe("cached tags do not replace the list of a working upstream", () => {
  const answers: { title: string; fault: object; status: number; code: string }[] = [
    { title: "400", fault: { status: 400 }, status: 400, code: "UNSUPPORTED" },
    { title: "422", fault: { status: 422 }, status: 400, code: "UNSUPPORTED" },
    { title: "401", fault: { status: 401 }, status: 401, code: "UNAUTHORIZED" },
    { title: "403", fault: { status: 403 }, status: 403, code: "DENIED" },
    { title: "404", fault: { status: 404 }, status: 404, code: "NAME_UNKNOWN" },
    { title: "405", fault: { status: 405 }, status: 502, code: "UNAVAILABLE" },
    { title: "429", fault: { status: 429 }, status: 429, code: "TOOMANYREQUESTS" },
    { title: "501", fault: { status: 501 }, status: 502, code: "UNAVAILABLE" },
    { title: "a page", fault: { status: 200, body: "<html>" }, status: 502, code: "UNAVAILABLE" },
    {
      title: "too much",
      fault: { status: 200, body: `["${"x".repeat(9 << 20)}"]` },
      status: 502,
      code: "SIZE_INVALID",
    },
  ];
  it.each(answers)("$title is the answer", async ({ fault, status, code }) => {
    const { path, name } = await listed("at-work", {}, ["1", "2"]);
    const cache = cacheApart();
    await (await cache.fetch(`open/${name}/manifests/1`)).text();
    await fixture.fault({ match: { repository: name, kind: "tags" }, times: 0, do: fault });
    for (const query of ["", "?n=10000", "?n=1"])
      expect(await problemOf(cache.fetch(path + query))).toMatchObject({ status, code });
  });

  it.each([
    ["500", { status: 500 }],
    ["503", { status: 503 }],
    ["504", { status: 504 }],
    ["no answer", { reset: true as const }],
    ["no answer in time", { hold: "never", after: -1 }],
  ])("but of one that is down, marked stale: %s", async (_, fault) => {
    const { path, name } = await listed("down", {}, ["1", "2"]);
    const cache = cacheApart({ firstByteTimeout: "1s" });
    await (await cache.fetch(`open/${name}/manifests/1`)).text();
    await fixture.fault({ match: { repository: name, kind: "tags" }, times: 0, do: fault });
    const response = await cache.fetch(`${path}?n=10000`);
    expect(await response.json()).toMatchObject({ tags: ["1"] });
    expect(response.headers.get("warning")).toContain("cached here");
    expect(response.headers.get("cache-status")).toContain("hit; fwd=stale");
  });
});
