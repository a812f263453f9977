// Requests that are made to overload their parser: answered as ordinary ones, or refused with the reason.

import { beforeAll, describe, expect, it } from "vitest";
import { ADMIN, api, basic, bearer, shut, shutCache } from "../support/access.ts";
import { Cache, fixture, repository } from "../support/cache.ts";
import { TYPES } from "../support/fixture.ts";

const name = repository("client-bombs");
const open = new Cache();
const closed = shutCache();
let index: string;
let blob: string;

beforeAll(async () => {
  const child = await fixture.image(name, undefined);
  const made = await fixture.index(name, "1", [{ ...child, platform: child.platform }]);
  index = made.digest;
  blob = child.layers[0]?.digest ?? "";
  await open.bytes(`open/${name}/manifests/1`);
  await open.bytes(`open/${name}/blobs/${blob}`);
});

describe("headers", () => {
  const etags = (of: string) => `${'"x", '.repeat(10_000)}"${of}"`;

  it.each<{
    title: string;
    request: (paths: { tag: string; blob: string }) => [string, Record<string, string>];
    status: number;
  }>([
    {
      title: "an Accept of 100 KB that has what there is at its end",
      request: ({ tag }) => [tag, { accept: `${"a/b;q=0.1,".repeat(10_000)}${TYPES.oci.index}` }],
      status: 200,
    },
    {
      title: "an Accept of 100 KB of parameters",
      request: ({ tag }) => [tag, { accept: `a/b${";q=0".repeat(25_000)}` }],
      status: 200,
    },
    {
      title: "ten thousand etags of which the last matches",
      request: ({ tag }) => [tag, { "if-none-match": etags(index) }],
      status: 304,
    },
    {
      title: "the same of a blob",
      request: ({ blob: path }) => [path, { "if-none-match": etags(blob) }],
      status: 304,
    },
    {
      title: "a thousand ranges, which a server may ignore",
      request: ({ blob: path }) => [path, { range: `bytes=${"0-1,".repeat(10_000)}5-6` }],
      status: 200,
    },
    {
      title: "a range of blanks",
      request: ({ blob: path }) => [path, { range: `bytes=${" ".repeat(50_000)}0-1` }],
      status: 206,
    },
    {
      title: "directives without an end",
      request: ({ tag }) => [tag, { "cache-control": "x,".repeat(50_000) }],
      status: 200,
    },
    {
      title: "an agent of 100 KB",
      request: ({ tag }) => [tag, { "user-agent": "x".repeat(100_000) }],
      status: 200,
    },
    {
      title: "an authorization of 100 KB where none is required",
      request: ({ tag }) => [tag, bearer("x".repeat(100_000))],
      status: 200,
    },
  ])("$title", async ({ request, status }) => {
    const [path, headers] = request({
      tag: `open/${name}/manifests/1`,
      blob: `open/${name}/blobs/${blob}`,
    });
    const response = await open.fetch(path, { headers });
    await response.body?.cancel();
    expect(response.status).toBe(status);
  });

  it.each([
    ["Bearer", bearer("x".repeat(100_000))],
    [
      "a JWT of nothing but brackets",
      bearer(`${btoa("[".repeat(12_000))}.${btoa("[".repeat(12_000))}.x`),
    ],
    ["Basic", basic("x".repeat(70_000))],
    ["blanks", { Authorization: `Basic ${" ".repeat(100_000)}x` }],
  ])("an invalid authorization: %s", async (_, headers) => {
    const response = await closed.fetch(`open/${name}/manifests/1`, { headers });
    expect(response.status).toBe(401);
    expect((await response.text()).length).toBeLessThan(1_000);
  });
});

describe("queries", () => {
  it.each<{ title: string; path: string; status: number }>([
    {
      title: "ten thousand parameters",
      path: `tags/list?${Array.from({ length: 10_000 }, (_, at) => `p${at}=1`).join("&")}`,
      status: 400,
    },
    {
      title: "one parameter ten thousand times",
      path: `tags/list?${"n=5&".repeat(10_000)}`,
      status: 400,
    },
    {
      title: "a page's name of 100 KB",
      path: `tags/list?last=${"a".repeat(100_000)}`,
      status: 400,
    },
    {
      title: "an artifact's type of 100 KB",
      path: `referrers/${`sha256:${"0".repeat(64)}`}?artifactType=${"a".repeat(100_000)}`,
      status: 400,
    },
  ])("$title", async ({ path, status }) => {
    const response = await open.fetch(`open/${name}/${path}`);
    await response.body?.cancel();
    expect(response.status).toBe(status);
  });

  it("an ns of 100 KB is refused, and shortened in the answer", async () => {
    const response = await open.fetch(`${name}/manifests/1?ns=${"a.".repeat(50_000)}io`);
    expect(response.status).toBe(404);
    expect((await response.text()).length).toBeLessThan(1_000);
  });

  it("ten thousand scopes are refused, in a query and in a form", async () => {
    const scopes = "scope=repository:open/a:pull&".repeat(10_000);
    const byQuery = await closed.ask(`https://cache.example/token?${scopes}`);
    expect([byQuery.status, (await byQuery.text()).length < 1_000]).toEqual([400, true]);
    const body = new URLSearchParams(`grant_type=password&password=x&${scopes}`);
    const byForm = await closed.ask("https://cache.example/token", { method: "POST", body });
    expect([byForm.status, (await byForm.text()).length < 1_000]).toEqual([413, true]);
  });
});

describe("bodies that are nested deep", () => {
  const deep = (depth: number) => `${'{"a":['.repeat(depth)}1${"]}".repeat(depth)}`;
  const cache = new Cache({ ...shut() });

  it("are refused wherever the API takes one", async () => {
    const document = (await (await api(cache, "GET", "openapi.json")).json()) as {
      paths: Record<string, Record<string, { requestBody?: object }>>;
    };
    const taken = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods)
        .filter(([, { requestBody }]) => requestBody !== undefined)
        .map(([method]) => [method.toUpperCase(), path] as const),
    );
    expect(taken.length).toBeGreaterThan(4);
    for (const [method, path] of taken)
      for (const depth of [10, 2_000, 20_000]) {
        const url = `https://cache.example${path.startsWith("/api") ? "" : "/api"}${path.replace(/\{\w+\}/g, "x")}`;
        for (const body of [
          deep(depth),
          `{"name":${deep(depth)},"repositories":[${deep(depth)}],"rules":[${deep(depth)}]}`,
        ]) {
          const response = await cache.ask(url, { method, headers: bearer(ADMIN), body });
          expect([
            method,
            path,
            depth,
            [400, 403, 404, 413].includes(response.status),
            response.status,
          ]).toEqual([method, path, depth, true, response.status]);
          expect((await response.text()).length).toBeLessThan(4_000);
        }
      }
  });
});
