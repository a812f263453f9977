// The attack: queries that mean nothing. Each one that is heeded is a request to the upstream, an object and a key in KV, so that a
// client could have as many of them made as it can count.

import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { Env } from "../../src/env.ts";
import { problemOf } from "../http/problem.ts";
import { access } from "../support/access.ts";
import { Cache, cacheApart, fixture, repository } from "../support/cache.ts";

const cache = new Cache();
const { META } = env as unknown as Env;

async function keysOf(name: string): Promise<string[]> {
  const keys: string[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = await META.list({ prefix: "list:", ...(cursor && { cursor }) });
    keys.push(...page.keys.map((key) => key.name).filter((key) => key.includes(name)));
    if (page.list_complete) return keys;
    cursor = page.cursor;
  }
}

async function stage(hint: string) {
  const name = repository(hint);
  const image = await fixture.image(name, "1");
  await fixture.referrer(name, image, "application/vnd.example.sbom");
  const queriesOf = async (kind: "tags" | "referrers") =>
    (await fixture.requests({ repository: name, kind })).map(({ query }) => query);
  return {
    name,
    tags: `open/${name}/tags/list`,
    referrers: `open/${name}/referrers/${image.digest}`,
    queriesOf,
  };
}

async function ask(path: string, from = cache) {
  const response = await from.fetch(path);
  expect([path, response.status]).toEqual([path, 200]);
  await response.text();
  return response;
}

/** Of a Link to this cache's own next page, behind /v2/. */
function linked(response: Response): string {
  const [, target = ""] =
    /^<\/v2\/(.*)>; rel="next"$/.exec(response.headers.get("link") ?? "") ?? [];
  return target;
}

const MEANINGLESS: Record<string, string[]> = {
  "one parameter of many values": Array.from({ length: 40 }, (_, at) => `zz=${at}`),
  "many parameters": Array.from({ length: 40 }, (_, at) => `z${at}=1`),
  "no value, no name, twice": ["zz", "=", "=1", "&&", "zz=1&zz=2", "zz=2&zz=1"],
  "names that are nearly known": ["N=1", "Last=x", "n[]=1", "last%00=x", "%6e%20=5", "page=2"],
  "names that registries page by": [
    "next_page=abc",
    "page_token=a",
    "continuationToken=b",
    "token=c",
  ],
  "a last that is none": ["last=", "last=&zz=1"],
};

describe("a query without effect is one page, requested once and kept under one key:", () => {
  it.each(Object.entries(MEANINGLESS))("%s, of tags", async (_, queries) => {
    const { name, tags, queriesOf } = await stage("nothing");
    for (const query of ["", ...queries]) await ask(`${tags}?${query}`);
    expect(await queriesOf("tags")).toEqual([""]);
    expect(await keysOf(name)).toHaveLength(1);
  });

  it.each(Object.entries(MEANINGLESS))("%s, of referrers", async (_, queries) => {
    const { name, referrers, queriesOf } = await stage("nothing-refers");
    const own = ["n=1", "n=2", "last=x", "n=x", "artifactType=a", "artifactType=b&artifactType=c"];
    for (const query of ["", ...queries, ...own]) await ask(`${referrers}?${query}`);
    expect(await queriesOf("referrers")).toEqual([""]);
    expect(await keysOf(name)).toHaveLength(1);
  });

  it("the same page in another order, more than once, with leading zeros, or beside something else", async () => {
    const { name, tags, queriesOf } = await stage("same");
    for (const query of [
      "n=5&last=0",
      "last=0&n=5",
      "n=5&last=0&n=6&last=1",
      "n=005&last=0",
      "zz=1&last=0&yy=2&n=5",
      "last=%30&n=%35",
    ])
      await ask(`${tags}?${query}`);
    expect(await queriesOf("tags")).toEqual(["?last=0&n=5"]);
    expect(await keysOf(name)).toHaveLength(1);
  });

  it("a number that is absurdly high is the highest, and one that is none is refused unasked", async () => {
    const { name, tags, queriesOf } = await stage("absurd");
    for (const n of ["10000", "10001", "999999999"]) await ask(`${tags}?n=${n}`);
    for (const n of ["-1", "1e9", "9999999999", "NaN", "", "0x1", "1,2", "%00"])
      expect(await problemOf(cache.fetch(`${tags}?n=${n}`))).toMatchObject({
        status: 400,
        code: "PAGINATION_NUMBER_INVALID",
      });
    expect(await queriesOf("tags")).toEqual(["?n=10000"]);
    expect(await keysOf(name)).toHaveLength(1);
    expect(await (await cache.fetch(`${tags}?n=0`)).json()).toMatchObject({ tags: [] });
  });
});

describe("an upstream's page token", () => {
  const OPAQUE = "next_page=gAAAA%2Bb%3D%3D&n=50&last=not+a+tag";

  async function paged(hint: string, kind: "tags" | "referrers", query = OPAQUE) {
    const staged = await stage(hint);
    const link = { link: `</v2/x?${query}>; rel="next"` };
    await fixture.fault({ match: { repository: staged.name, kind }, do: { headers: link } });
    const first = await ask(kind === "tags" ? staged.tags : staged.referrers);
    return { ...staged, next: linked(first) };
  }

  it.each(["tags", "referrers"] as const)(
    "is followed where its Link said it, once, in any order: %s",
    async (kind) => {
      const { name, next, queriesOf } = await paged("opaque", kind);
      const [path = "", query = ""] = next.split("?");
      expect(new URLSearchParams(query).get("next_page")).toBe("gAAAA+b==");
      await ask(next);
      const turned = query.split("&").toReversed().join("&");
      await ask(`${path}?${turned}`);
      await ask(`${path}?${query}&ns=${fixture.host("open")}`);
      const queries = await queriesOf(kind);
      expect(queries).toHaveLength(2);
      expect(Object.fromEntries(new URLSearchParams(queries[1]))).toEqual({
        next_page: "gAAAA+b==",
        n: "50",
        last: "not a tag",
      });
      expect(await keysOf(name)).toHaveLength(2);
    },
  );

  it("is followed from page to page, and after the keys have been changed", async () => {
    const { name, next, queriesOf } = await paged("chain", "tags", "page_token=1");
    for (let page = 2; page <= 3; page++) {
      const link = { link: `</v2/x?page_token=${page}>; rel="next"` };
      await fixture.fault({ match: { repository: name, kind: "tags" }, do: { headers: link } });
      if (page === 2) await access.rotate("a test", Date.now());
      const response = await ask(page === 2 ? next : `open/${name}/tags/list?page_token=1`);
      if (page === 2) expect(linked(response)).toContain("page_token=2");
    }
    expect(await queriesOf("tags")).toEqual(["", "?page_token=1"]);
  });

  it("means nothing where the upstream did not say it: forged, changed, of another list, or with more beside it", async () => {
    const { name, tags, next, queriesOf } = await paged("forged", "tags", "next_page=abc");
    const other = await paged("forged-other", "tags", "next_page=def");
    const query = next.slice(next.indexOf("?") + 1);
    const seal = new URLSearchParams(query).get("entrepot-page");
    expect(seal).toMatch(/^[\w-]{22}$/);
    for (const forged of [
      "next_page=abc&entrepot-page=",
      "next_page=abc&entrepot-page=0",
      `next_page=abd&entrepot-page=${seal}`,
      `next_page=abc&zz=1&entrepot-page=${seal}`,
      `next_page=abc&next_page=abc&entrepot-page=${seal}`,
      `entrepot-page=${seal}`,
      `next_page=abc&entrepot-page=${seal}x`,
      `next_page=abc&entrepot-page=x&entrepot-page=${seal}`,
      other.next.slice(other.next.indexOf("?") + 1),
    ])
      expect(await problemOf(cache.fetch(`${tags}?${forged}`))).toMatchObject({
        status: 400,
        code: "UNSUPPORTED",
      });
    expect(await queriesOf("tags")).toEqual([""]);
    expect(await keysOf(name)).toHaveLength(1);
  });

  it("with n and last alone, as most do, is as readable as ever", async () => {
    const { tags, next } = await paged("plain", "tags", "last=1&n=2");
    expect(next).toBe(`${tags}?last=1&n=2`);
  });

  it.each([
    ["says of us", "entrepot-page=x&ns=evil.example&artifactType=y&next_page=abc"],
    ["says, though it is too many", "n=2147483648"],
    ["says twice", "last=1&last=2"],
  ])("comes back as the upstream %s", async (_, query) => {
    const { next, queriesOf } = await paged("odd", "tags", query);
    expect(next).not.toContain("evil.example");
    await ask(next);
    expect((await queriesOf("tags"))[1]).toBe(
      `?${query.replace("entrepot-page=x&ns=evil.example&artifactType=y&", "")}`,
    );
  });

  it("longer than a client can send back is an upstream failure", async () => {
    const { name, tags } = await stage("long-link");
    const link = { link: `</v2/x?next_page=${"x".repeat(5_000)}>; rel="next"` };
    await fixture.fault({ match: { repository: name }, times: 0, do: { headers: link } });
    const problem = await problemOf(cacheApart().fetch(tags));
    expect(problem).toMatchObject({ status: 502, code: "UNAVAILABLE" });
  });
});
