// Tag lists, page by page.

import { beforeAll, describe, expect, it } from "vitest";
import { Cache, fixture, repository } from "../support/cache.ts";
import { problemOf } from "./problem.ts";

const cache = new Cache();
const TAGS = ["1.0", "1.1", "2.0", "Alpha", "_x", "beta", "latest"].sort();

const name = repository("tags");
beforeAll(async () => {
  const { digest } = await fixture.image(name, undefined);
  for (const tag of TAGS) await fixture.tag(name, tag, digest);
});

/** The pages from this one on, as Link leads to them; a client resolves it against what it asked. */
async function follow(path: string): Promise<string[][]> {
  const pages: string[][] = [];
  for (let next: string | undefined = path; next !== undefined; ) {
    const response = await cache.fetch(next);
    expect(response.status).toBe(200);
    const body = (await response.json()) as { name: string; tags: string[] };
    expect(body.name).toBe(path.slice(0, path.indexOf("/tags/list")));
    pages.push(body.tags);
    if (pages.length > 20) throw new Error("the pages have no end");
    const link = response.headers.get("link");
    const target: string | undefined = /^<(\/v2\/[^>]+)>; rel="next"$/.exec(link ?? "")?.[1];
    expect(link === null).toBe(target === undefined);
    next = target?.slice("/v2/".length);
  }
  return pages;
}

it("have the name that the client requested", async () => {
  const response = await cache.fetch(`open/${name}/tags/list`);
  expect(await response.json()).toEqual({ name: `open/${name}`, tags: TAGS });
  expect(Object.fromEntries(response.headers)).toMatchObject({
    "content-type": "application/json",
    "docker-distribution-api-version": "registry/2.0",
    "cache-control": "no-cache, no-transform",
  });
  expect(response.headers.get("link")).toBeNull();
});

describe("pages", () => {
  it.each([
    [1, 7],
    [3, 3],
    [6, 2],
    [7, 1],
    [100, 1],
  ])("of %i are followed to the end", async (n, count) => {
    const pages = await follow(`open/${name}/tags/list?n=${n}`);
    expect(pages).toHaveLength(count);
    expect(pages.flat()).toEqual(TAGS);
  });

  it("start behind `last`", async () => {
    const pages = await follow(`open/${name}/tags/list?n=2&last=${TAGS[2]}`);
    expect(pages.flat()).toEqual(TAGS.slice(3));
  });

  it("that the upstream makes on its own are followed too", async () => {
    const own = repository("paged");
    const { digest } = await fixture.image(own, undefined);
    for (const tag of TAGS) await fixture.tag(own, tag, digest);
    await fixture.settings(own, { tagPage: 2 });
    for (const query of ["", "?n=100"]) {
      const pages = await follow(`open/${own}/tags/list${query}`);
      expect(pages.map((page) => page.length)).toEqual([2, 2, 2, 1]);
      expect(pages.flat()).toEqual(TAGS);
    }
  });

  it.each([
    ["another host", "https://evil.example/v2/x/tags/list?next_page=abc"],
    ["another repository", "/v2/other/tags/list?next_page=abc"],
    ["a query alone", "?next_page=abc"],
  ])("are asked of the rule's own upstream, though it says %s", async (_, target) => {
    const own = repository("linked");
    await fixture.image(own, "1");
    const link = { link: `<${target}>; rel="next"` };
    await fixture.fault({ match: { repository: own, kind: "tags" }, do: { headers: link } });
    expect(await follow(`open/${own}/tags/list`)).toEqual([["1"], ["1"]]);
    const requests = await fixture.requests({ repository: own, kind: "tags" });
    expect(requests.map(({ query }) => query)).toEqual(["", "?next_page=abc"]);
  });

  it.each([
    { title: "the newest first", first: ["9", "8", "7"], rest: ["3", "2"], last: "7" },
    { title: "with a token for `last`", first: ["a", "b"], rest: ["c", "d"], last: "x-token" },
  ])("of an upstream that lists $title are passed on whole", async ({ first, rest, last }) => {
    const own = repository("odd-order");
    const body = (tags: string[]) => JSON.stringify({ name: own, tags });
    const match = { repository: own, kind: "tags" as const };
    const link = { link: `</v2/${own}/tags/list?n=3&last=${last}>; rel="next"` };
    await fixture.fault({ match, do: { status: 200, body: body(first), headers: link } });
    await fixture.fault({ match, do: { status: 200, body: body(rest) } });
    expect(await follow(`open/${own}/tags/list?n=3`)).toEqual([first, rest]);
  });

  it("of n=0 are empty, and the last", async () => {
    const response = await cache.fetch(`open/${name}/tags/list?n=0`);
    expect(await response.json()).toEqual({ name: `open/${name}`, tags: [] });
    expect(response.headers.get("link")).toBeNull();
  });

  it("of n=0 are 404 for an unknown repository", async () => {
    const problem = await problemOf(cache.fetch(`open/${repository("none")}/tags/list?n=0`));
    expect(problem).toMatchObject({ status: 404, code: "NAME_UNKNOWN" });
  });

  it.each(["x", "-1", "1.5", "", "0x10", "1e3", "%20"])("of %s are refused", async (n) => {
    const own = repository("bad-n");
    const problem = await problemOf(cache.fetch(`open/${own}/tags/list?n=${n}`));
    expect(problem).toMatchObject({ status: 400, code: "PAGINATION_NUMBER_INVALID" });
    expect(await fixture.requests({ repository: own })).toEqual([]);
  });
});

describe("a query", () => {
  const queriesOf = async (own: string) =>
    (await fixture.requests({ repository: own, kind: "tags" })).map(({ query }) => query);

  it("in another order, repeated, or with a limit above any page's is the same page", async () => {
    const own = repository("same-page");
    await fixture.image(own, "1");
    for (const query of [
      "n=20000&last=0",
      "last=0&n=10000",
      "n=10000&last=0&n=5&last=1",
      "last=0&n=999999999",
    ])
      expect(await (await cache.fetch(`open/${own}/tags/list?${query}`)).json()).toMatchObject({
        tags: ["1"],
      });
    expect(await queriesOf(own)).toEqual(["?last=0&n=10000"]);
  });

  it.each([
    ["long", `last=${"x".repeat(9000)}`],
    ["manifold", Array.from({ length: 20 }, (_, at) => `p${at}=1`).join("&")],
  ])("that is too %s is refused here, for tags and for referrers", async (_, query) => {
    const own = repository("too-much");
    const { digest } = await fixture.image(own, "1");
    for (const path of ["tags/list", `referrers/${digest}`])
      expect(await problemOf(cache.fetch(`open/${own}/${path}?${query}`))).toMatchObject({
        status: 400,
        code: "UNSUPPORTED",
      });
    expect(await queriesOf(own)).toEqual([]);
  });
});

it("`ns` is for the cache, and is not sent to the upstream", async () => {
  const own = repository("ns");
  await fixture.image(own, "1");
  await (await cache.fetch(`open/${own}/tags/list?ns=${fixture.host("open")}&n=5`)).text();
  expect(await fixture.requests({ repository: own })).toMatchObject([{ query: "?n=5" }]);
});

describe("an upstream whose answer is no list of tags:", () => {
  it.each([
    { title: "a page", body: "<html>", status: 502 },
    { title: "a list", body: '["a"]', status: 502 },
    { title: "null", body: "null", status: 502 },
    { title: "nothing", body: "", status: 502 },
  ])("$title", async ({ body, status }) => {
    const own = repository("no-list");
    await fixture.fault({ match: { repository: own }, times: 0, do: { status: 200, body } });
    const problem = await problemOf(cache.fetch(`open/${own}/tags/list`));
    expect(problem).toMatchObject({ status, code: "UNAVAILABLE" });
  });

  it.each([
    { title: "null for none, as old registries say", body: '{"name":"x","tags":null}', tags: [] },
    { title: "no field", body: "{}", tags: [] },
    { title: "what are no tags", body: '{"tags":["a",5,null,"b c","../x","b"]}', tags: ["a", "b"] },
  ])("$title", async ({ body, tags }) => {
    const own = repository("odd-list");
    await fixture.fault({ match: { repository: own }, times: 0, do: { status: 200, body } });
    const response = await cache.fetch(`open/${own}/tags/list`);
    expect(await response.json()).toEqual({ name: `open/${own}`, tags });
  });

  it("a body over the limit", async () => {
    const own = repository("huge-list");
    const body = `{"tags":["${"x".repeat(9 * 1024 * 1024)}"]}`;
    await fixture.fault({ match: { repository: own }, times: 0, do: { status: 200, body } });
    const problem = await problemOf(cache.fetch(`open/${own}/tags/list`));
    expect(problem).toMatchObject({ status: 502, code: "SIZE_INVALID" });
  });
});
