// Upstreams whose answers break off, or say less than they seem to.

import { describe, expect, it } from "vitest";
import { problemOf } from "../http/problem.ts";
import { Cache, fixture, repository } from "../support/cache.ts";

const cache = new Cache();

describe("an answer that breaks off is the upstream's failure, not ours", () => {
  it.each(["manifests/1", "tags/list"])("%s", async (path) => {
    const name = repository("broken-off");
    await fixture.image(name, "1");
    await fixture.fault({
      match: { repository: name, method: "GET" },
      times: 0,
      do: { cutAfter: 5 },
    });
    const problem = await problemOf(cache.fetch(`open/${name}/${path}`));
    expect(problem).toMatchObject({ status: 502, code: "UNAVAILABLE" });
  });

  it("a token service's", async () => {
    const name = repository("broken-token");
    await fixture.image(name, "1");
    await fixture.fault({
      match: { repository: name, kind: "token" },
      times: 0,
      do: { cutAfter: 5 },
    });
    const problem = await problemOf(cache.fetch(`bearer/${name}/manifests/1`));
    expect(problem).toMatchObject({ status: 502, code: "UNAVAILABLE" });
  });
});

it.each([
  {
    title: "a range of unknown total",
    headers: { "content-range": "bytes 0-0/*" },
    status: 206,
    length: null,
  },
  {
    title: "416 with the size",
    headers: { "content-range": "bytes */5000" },
    status: 416,
    length: "5000",
  },
  { title: "416 without it", headers: {}, status: 416, length: null },
])(
  "HEAD of a blob whose upstream has no HEAD, and answers $title",
  async ({ headers, status, length }) => {
    const name = repository("no-head");
    const { digest } = await fixture.blob(name, { seed: 5, size: 5000 });
    await fixture.fault({
      match: { repository: name, method: "HEAD" },
      times: 0,
      do: { status: 405 },
    });
    await fixture.fault({
      match: { repository: name, method: "GET" },
      do: { status, headers, body: "x" },
    });
    const response = await cache.head(`open/${name}/blobs/${digest}`);
    expect(response.status).toBe(200);
    expect(response.headers.get("content-length")).toBe(length);
  },
);

it("a token is asked for with the scope that the upstream's challenge names", async () => {
  const name = repository("scoped");
  await fixture.image(name, "1");
  const realm = `${fixture.url("token")}/token`;
  const challenge = `Bearer realm="${realm}",service="fixture, with comma",scope="aws repository:${name}:pull"`;
  await fixture.fault({
    match: { repository: name, unauthorized: true },
    times: 0,
    do: { status: 401, headers: { "www-authenticate": challenge } },
  });
  await cache.bytes(`bearer/${name}/manifests/1`);
  const scopes = (await fixture.requests({ kind: "token" })).map(({ query }) =>
    new URLSearchParams(query).get("scope"),
  );
  expect(scopes).toContain(`aws repository:${name}:pull`);
});
