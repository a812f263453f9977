// The edge cache: what it answers, what it is done without, and who never sees it.

import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Env } from "../../src/env.ts";
import { watchingEdge } from "../support/bindings.ts";
import { Cache, cacheApart, fixture, repository } from "../support/cache.ts";
import { later } from "../support/clock.ts";
import { atEdge, blob, CITY, noBlobs, pull, SEGMENT, urlOf } from "../support/edge.ts";
import { coverOnce, receive } from "../support/transfers.ts";

const { BLOBS } = env as unknown as Env;

afterEach(() => {
  vi.restoreAllMocks();
});

describe("ranges", () => {
  it.each([
    ["within a segment", 10, 20],
    ["across two segments", SEGMENT - 5, SEGMENT + 5],
    ["of a whole segment", 0, SEGMENT - 1],
    ["to the end", SEGMENT + 7, SEGMENT + 76],
  ])("%s are answered from cached segments", async (_, first, last) => {
    const { path } = await blob("ranged");
    const bytes = await new Cache().bytes(path);
    await pull(new Cache(), path);
    const response = await new Cache(noBlobs).fetch(path, {
      headers: { Range: `bytes=${first}-${last}` },
    });
    expect(response.status).toBe(206);
    expect(response.headers.get("content-range")).toBe(`bytes ${first}-${last}/${SEGMENT + 77}`);
    expect(response.headers.get("cache-status")).toBe("entrepot-edge; hit");
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(bytes.subarray(first, last + 1));
  });

  it("copy the segments that they touch, whole, and no others", async () => {
    const { digest, path } = await blob("touched", 2 * SEGMENT + 1);
    await pull(new Cache(), path);
    const range = `bytes=${SEGMENT + 3}-${SEGMENT + 4}`;
    const part = await pull(new Cache(), path, { Range: range }, "north.example");
    expect(part).toMatchObject({ size: 2, cacheStatus: "entrepot-r2; hit" });
    expect(await atEdge(digest, 3, "north.example")).toEqual([undefined, SEGMENT, undefined]);
    const whole = await pull(new Cache(), path, {}, "north.example");
    expect(whole).toMatchObject({ digest, cacheStatus: "entrepot-r2; hit" });
    expect(await atEdge(digest, 3, "north.example")).toEqual([SEGMENT, SEGMENT, 1]);
  });

  it("that the blob does not have are refused, from the edge too", async () => {
    const { path } = await blob("short", 1000);
    await pull(new Cache(), path);
    const response = await new Cache(noBlobs).fetch(path, { headers: { Range: "bytes=1000-" } });
    expect(response.status).toBe(416);
  });
});

describe("an edge cache that", () => {
  const fails = () => Promise.reject(new Error("the edge is out of order"));
  const hangs = () => new Promise<never>(() => {});

  it("has failed is left alone for a while", async () => {
    const { path } = await blob("resting", SEGMENT + 5);
    await pull(new Cache(), path);
    const calls = watchingEdge((method) => (method === "match" ? fails() : undefined));
    const cache = new Cache();
    // Each pull begins with two at once, the layout and the link, until three have failed.
    for (let at = 0; at < 5; at++) await pull(cache, path);
    expect(calls.match).toHaveLength(4);
    expect([calls.put, calls.delete]).toEqual([[], []]);
    later(10_001);
    await pull(cache, path);
    expect(calls.match).toHaveLength(6);
  });

  it.each([
    ["fails to read", "match", fails],
    ["hangs", "match", hangs],
    ["fails to write", "put", fails],
    ["hangs when written to", "put", hangs],
  ] as const)("%s is done without", async (_, broken, fault) => {
    const { digest, path, name } = await blob("faulty", SEGMENT + 5);
    const image = await fixture.image(name, "1");
    await pull(new Cache(), path);
    watchingEdge((method) => (method === broken ? fault() : undefined));
    const cache = new Cache();
    const ask = (path: string) => receive(cache.fetch(path, {}, "faulty.example"));
    expect(await ask(path)).toMatchObject({ whole: true, digest, cacheStatus: "entrepot-r2; hit" });
    const manifest = await ask(`open/${name}/manifests/1`);
    expect(manifest).toMatchObject({ whole: true, digest: image.digest });
  });

  it.each(["short", "longer"])("has something %s under a key is not believed", async (which) => {
    const { digest, path } = await blob("mixed-up", SEGMENT + 5);
    await pull(new Cache(), path);
    const cache = await caches.open("entrepot");
    const wrong = new Uint8Array(which === "short" ? 3 : SEGMENT);
    for (const number of [0, 1]) {
      const headers = {
        "Cache-Control": "max-age=1000",
        "Entrepot-Until": String(Date.now() + 1e6),
      };
      const bytes = number === 0 ? wrong.subarray(0, 3) : wrong;
      await cache.put(await urlOf(digest, number), new Response(bytes, { headers }));
    }
    const pulled = await pull(new Cache(), path);
    expect(pulled).toMatchObject({ whole: true, digest, cacheStatus: "entrepot-r2; hit" });
    const last = { Range: `bytes=${SEGMENT}-${SEGMENT + 1}` };
    expect(await pull(new Cache(), path, last)).toMatchObject({ whole: true, size: 2 });
    expect(await pull(new Cache(noBlobs), path)).toMatchObject({ whole: true, digest }); // copied anew
  });

  it("hangs as it is opened is done without", async () => {
    const { digest, path } = await blob("unopened", 1000);
    await pull(new Cache(), path);
    vi.spyOn(caches, "open").mockImplementation(hangs);
    expect(await receive(new Cache().fetch(path))).toMatchObject({ whole: true, digest });
  });

  it("that R2 fails to open ahead is opened in its turn", async () => {
    const { digest, path } = await blob("ahead");
    await pull(new Cache(), path);
    let gets = 0;
    const flaky = new Proxy(BLOBS, {
      get(target, method) {
        const value = Reflect.get(target, method) as unknown;
        if (typeof value !== "function") return value;
        return (...args: unknown[]) => {
          if (method === "get") gets += 1;
          if (method === "get" && gets === 2) return Promise.reject(new Error("R2 is out"));
          return value.apply(target, args);
        };
      },
    });
    const pulled = await pull(new Cache({ BLOBS: flaky }), path, {}, "ahead.workers.dev");
    expect(pulled).toMatchObject({ whole: true, digest });
  });

  it("breaks off within a segment breaks no second answer", async () => {
    const { digest, path } = await blob("broken-off");
    await pull(new Cache(), path);
    const cache = await caches.open("entrepot");
    const broken = {
      put: cache.put.bind(cache),
      delete: cache.delete.bind(cache),
      match: async (request: RequestInfo | URL) => {
        const response = await cache.match(request);
        if (!String(request).includes("/segment/") || !response) return response;
        await response.body?.cancel();
        const body = new ReadableStream({
          start(controller) {
            controller.enqueue(new Uint8Array(50));
            controller.error(new Error("the edge broke off"));
          },
        });
        return new Response(body, { headers: response.headers });
      },
    };
    const opened = vi.spyOn(caches, "open").mockResolvedValue(broken as globalThis.Cache);
    expect((await pull(new Cache(), path)).whole).toBe(false);
    opened.mockRestore();
    const next = await pull(new Cache(), path);
    expect(next).toMatchObject({ whole: true, digest, cacheStatus: "entrepot-r2; hit" });
  });

  it("has another manifest, or none, under a key is not believed", async () => {
    const name = repository("mixed-up");
    const { digest, bytes } = await fixture.image(name, "1");
    const path = `open/${name}/manifests/${digest}`;
    await pull(new Cache(), path);
    const cache = await caches.open("entrepot");
    const key = `https://${CITY}/near/manifest:${digest}`;
    const { headers } = (await cache.match(key)) as Response;
    for (const wrong of ["{}", "", new TextDecoder().decode(bytes).replace("2", "3")]) {
      const own = new Headers(headers);
      own.set("Content-Length", String(wrong.length));
      await cache.put(key, new Response(wrong, { headers: own }));
      const pulled = await pull(new Cache(), path);
      expect(pulled).toMatchObject({ whole: true, digest, cacheStatus: "entrepot-kv; hit" });
    }
    expect((await pull(new Cache(), path)).cacheStatus).toBe("entrepot-edge; hit"); // anew
  });

  it.each(["entrepot.team.workers.dev", "entrepot.team.workers.dev:443"])(
    "is not there is not asked: %s",
    async (host) => {
      const { digest, path } = await blob("workers-dev");
      const calls = watchingEdge();
      for (let at = 0; at < 2; at++) {
        expect(await pull(new Cache(), path, {}, host)).toMatchObject({ whole: true, digest });
      }
      expect(calls).toEqual({ match: [], put: [], delete: [] });
    },
  );
});

describe("a copy that is there", () => {
  it("is not served to whom the rules refuse it", async () => {
    const { name, digest, path } = await blob("refused", 1000);
    const { digest: manifest } = await fixture.image(name, "1");
    await pull(new Cache(), path);
    await pull(new Cache(), `open/${name}/manifests/${manifest}`);
    const refused: object[] = [
      { deny: ["refused-*"] },
      { denyDigests: [digest, manifest] },
      { allow: ["other"] },
    ];
    for (const fields of refused) {
      const cache = cacheApart(fields);
      expect((await cache.fetch(path)).status).toBe(403);
      expect((await cache.fetch(`open/${name}/manifests/${manifest}`)).status).toBe(403);
    }
  });

  it("has an address that leads no client to it", async () => {
    const { digest, path } = await blob("addressed", 1000);
    await pull(new Cache(), path);
    const url = new URL(await urlOf(digest, 0));
    for (const path of [url.pathname, `/near/blob:${digest}`, `/v2${url.pathname}`]) {
      const response = await new Cache().fetch(`..${path}`);
      expect(response.status).toBe(404);
      expect(response.headers.get("cache-status")).toBe("entrepot");
    }
    expect(await caches.default.match(url)).toBeUndefined();
  });

  it("is never what a tag means", async () => {
    const name = repository("tags");
    await fixture.image(name, "1");
    const calls = watchingEdge();
    await pull(new Cache(), `open/${name}/manifests/1`);
    await pull(new Cache(), `open/${name}/tags/list`);
    expect(calls.put).toHaveLength(1);
    for (const key of calls.put) expect(key).toMatch(/^near\/manifest:sha256:/);
  });
});

it("cold in many cities at once, a blob is fetched once", async () => {
  const { name, digest, path } = await blob("everywhere", 2 * SEGMENT + 77);
  const cities = Array.from({ length: 5 }, (_, at) => ({
    cache: new Cache(),
    host: `city-${at}.example`,
  }));
  const all = cities.flatMap((city) => [city, city]);
  const pulls = all.map(({ cache, host }) => receive(cache.fetch(path, {}, host)));
  for (const received of await Promise.all(pulls)) {
    expect(received).toMatchObject({ whole: true, digest });
  }
  await Promise.all(cities.map(({ cache }) => cache.settled()));
  const requests = await fixture.requests({ repository: name, kind: "blob", method: "GET" });
  expect(coverOnce(requests, 2 * SEGMENT + 77)).toBe(true);
  for (const { host } of cities) {
    const next = await pull(new Cache(noBlobs), path, {}, host);
    expect(next).toMatchObject({ whole: true, digest, cacheStatus: "entrepot-edge; hit" });
  }
});
