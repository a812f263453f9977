// The record of a request: its line in the log, Server-Timing, and its point for Analytics Engine.

import { afterEach, describe, expect, it, vi } from "vitest";
import { basic, pullToken, shutCache } from "../support/access.ts";
import { cacheApart, fixture, repository } from "../support/cache.ts";
import { problemOf } from "./problem.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

interface Line {
  message: string;
  name?: string;
  ms: Record<string, number>;
  [field: string]: unknown;
}

function listening() {
  const log = vi.spyOn(console, "log").mockImplementation(() => {});
  return (): Line[] =>
    log.mock.calls
      .map(([line]) => JSON.parse(line as string) as Line)
      .filter(({ message }) => message === "entrepot: request");
}

describe("a request's line", () => {
  it("has the request, the requester, the result, its reason and the duration", async () => {
    const name = repository("line");
    const { digest, layers } = await fixture.image(name, "1", { layers: [3_000] });
    const cache = shutCache();
    const { id, token } = await pullToken(cache, ["open/**"]);
    const lines = listening();
    const headers = { ...basic(token), "User-Agent": "a-client/1.0", "CF-Ray": "abc-DEF" };
    const repositoryPath = `open/${name}`;
    await (await cache.fetch(`${repositoryPath}/manifests/1`, { headers })).text();
    await (await cache.fetch(`${repositoryPath}/blobs/${layers[0]?.digest}`, { headers })).text();
    await cache.fetch(`${repositoryPath}/manifests/none`, { headers });
    await cache.fetch(`robot/${name}/manifests/${digest}`, { headers });
    await cache.fetch(`${repositoryPath}/tags/list`);
    await cache.ask("https://cache.example/v2/", { headers });
    await cache.ask("https://cache.example/token", { headers });
    const common = { who: `token ${id}`, agent: "a-client/1.0", ray: "abc-DEF" };
    expect(lines()).toMatchObject([
      {
        ...common,
        kind: "manifest",
        method: "GET",
        name: repositoryPath,
        reference: "1",
        status: 200,
        result: "miss",
        rule: "open",
        repository: name,
        cache: "entrepot; fwd=uri-miss; stored",
        bytes: expect.toSatisfy((bytes) => bytes > 100),
        ms: { door: expect.any(Number), tag: expect.any(Number), fill: expect.any(Number) },
      },
      { ...common, kind: "blob", reference: layers[0]?.digest, result: "miss", bytes: 3_000 },
      {
        kind: "manifest",
        status: 404,
        result: "unknown",
        code: "MANIFEST_UNKNOWN",
        why: expect.stringContaining("answered 404"),
        upstreamStatus: 404,
      },
      {
        ...{ ...common, kind: "manifest", name: `robot/${name}` },
        ...{ status: 403, result: "denied", code: "DENIED" },
      },
      { kind: "tags", status: 401, result: "unauthorized" },
      { kind: "ping", status: 200, result: "ok" },
      { kind: "token", status: 200, result: "ok" },
    ]);
    for (const { ms } of lines()) expect(ms.total).toBeGreaterThanOrEqual(0);
  });

  it("says why something is stale", async () => {
    const name = repository("stale-line");
    await fixture.image(name, "1");
    const cache = cacheApart({ tagTtl: "0s" });
    await cache.bytes(`open/${name}/manifests/1`);
    await fixture.fault({ match: { repository: name }, times: 0, do: { status: 503 } });
    const lines = listening();
    await cache.bytes(`open/${name}/manifests/1`);
    expect(lines()).toMatchObject([
      { status: 200, result: "stale", why: expect.stringContaining("503"), upstreamStatus: 503 },
    ]);
  });

  it("holds no header, query or host: a host may be a secret", async () => {
    const lines = listening();
    const cache = cacheApart();
    const headers = { Authorization: "Basic c2VjcmV0LWxvZ2lu", Cookie: "a=secret-cookie" };
    await cache.ask("https://secret-host.example/v2/open/x/tags/list?n=x&last=secret-query", {
      headers,
    });
    await cache.ask("https://secret-host.example/v2/open/UPPER/secret-path", { headers });
    expect(lines()).toHaveLength(2);
    expect(JSON.stringify(lines())).not.toMatch(/secret/);
  });

  it.each([
    ["all", 2],
    ["failures", 1],
    ["none", 0],
  ])("LOG = %j: of a good request and a bad one, %i", async (LOG, count) => {
    const name = repository("levels");
    await fixture.image(name, "1");
    const cache = cacheApart({}, { LOG });
    const lines = listening();
    await cache.bytes(`open/${name}/manifests/1`);
    await cache.fetch(`open/${name}/manifests/none`);
    expect(lines()).toHaveLength(count);
  });

  it("an invalid LOG answers every request 500, with the reason", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const { status, message } = await problemOf(cacheApart({}, { LOG: "some" }).fetch(""));
    expect([status, message]).toEqual([500, expect.stringContaining("LOG: must be one of")]);
  });
});

describe("Server-Timing", () => {
  it("is on answers and on no refusal: its duration could reveal what exists", async () => {
    const name = repository("timed");
    await fixture.image(name, "1");
    const cache = shutCache();
    const { token } = await pullToken(cache, ["open/**"]);
    const good = await cache.fetch(`open/${name}/manifests/1`, { headers: basic(token) });
    expect(good.headers.get("server-timing")).toMatch(
      /^door;dur=\d+, tag;dur=\d+, read;dur=\d+, fill;dur=\d+, total;dur=\d+$/,
    );
    for (const headers of [basic(token), {}]) {
      const response = await cache.fetch(`robot/${name}/manifests/1`, { headers });
      expect(response.headers.get("server-timing")).toBeNull();
    }
  });
});

it("Analytics Engine, where bound, gets a point a request", async () => {
  const name = repository("point");
  await fixture.image(name, "1");
  const writeDataPoint = vi.fn();
  const cache = cacheApart({}, { ANALYTICS: { writeDataPoint } });
  const { byteLength } = await cache.bytes(`open/${name}/manifests/1`);
  await cache.fetch(`open/${name}/manifests/none`);
  expect(writeDataPoint.mock.calls.map(([point]) => point)).toEqual([
    {
      indexes: ["open"],
      blobs: ["manifest", "miss", name, "anybody", "GET"],
      doubles: [200, byteLength, expect.any(Number)],
    },
    {
      indexes: ["open"],
      blobs: ["manifest", "unknown", name, "anybody", "GET"],
      doubles: [404, 0, expect.any(Number)],
    },
  ]);
});
