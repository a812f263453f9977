// Promise 6, a hit is as fast as the platform: no Durable Object, no upstream, and the fewest operations; and what each costs.

import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Env } from "../../src/env.ts";
import { counting, laggingKv, untouchable, watchingEdge } from "../support/bindings.ts";
import { Cache, fixture, repository } from "../support/cache.ts";
import { later } from "../support/clock.ts";
import { MiB, receive } from "../support/transfers.ts";
import { eventually } from "../support/waiting.ts";

const { BLOBS, META } = env as unknown as Env;
const OBJECTS = ["BLOB_FILL", "MANIFEST_FILL", "TAG_FILL", "LIST_FILL", "UPSTREAM_GATE"] as const;
const noObjects = Object.fromEntries(OBJECTS.map((name) => [name, untouchable(name)]));
const noBlobs = { BLOBS: untouchable("R2") };

const wrangler = import.meta.glob<string>("../../wrangler.toml", {
  query: "?raw",
  import: "default",
  eager: true,
});
/** As it is deployed. */
const SUBREQUESTS = Number(
  /^subrequests = ([\d_]+)$/m.exec(Object.values(wrangler)[0] ?? "")?.[1]?.replaceAll("_", ""),
);

afterEach(() => {
  vi.restoreAllMocks();
});

/** Everything that a client asks for when it pulls an image by tag. */
async function pull(cache: Cache, paths: string[], host?: string): Promise<string[]> {
  const statuses: string[] = [];
  for (const path of paths) {
    const received = await receive(cache.fetch(path, {}, host));
    expect(received).toMatchObject({ whole: true });
    statuses.push(received.cacheStatus);
  }
  await cache.settled();
  return statuses;
}

async function image(layers: number[]) {
  const name = repository("hot");
  const { digest, config, layers: blobs } = await fixture.image(name, "1", { layers });
  const paths = [
    `open/${name}/manifests/1`,
    `open/${name}/manifests/${digest}`,
    ...[config, ...blobs].map((blob) => `open/${name}/blobs/${blob.digest}`),
  ];
  return { name, paths, digest, blobs };
}

/** A cache in another isolate, which counts what it asks of the stores, and of objects the calls that it makes. */
function counted() {
  const kv = counting(META);
  const r2 = counting(BLOBS);
  const edge = watchingEdge();
  const cache = new Cache({ META: kv.binding, BLOBS: r2.binding });
  const operations = () => ({
    kv: sum(kv.calls),
    r2: sum(r2.calls),
    edge: edge.match.length + edge.put.length + edge.delete.length,
  });
  return { cache, kv, r2, edge, operations };
}

function sum(calls: Record<string, number>): number {
  return Object.values(calls).reduce((total, count) => total + count, 0);
}

it("a warm pull touches no Durable Object", async () => {
  const { paths } = await image([1000, 10 * MiB]);
  await pull(new Cache(), paths);
  await pull(new Cache(noObjects), paths);
});

it("what anybody in this city has pulled before reads nothing from R2", async () => {
  const { paths } = await image([1000, 10 * MiB, 17 * MiB]);
  await pull(new Cache(), paths);
  const statuses = await pull(new Cache({ ...noObjects, ...noBlobs }), paths);
  const [byTag, ...others] = statuses;
  expect(byTag).toBe("entrepot-kv; hit"); // what the tag means
  expect(new Set(others)).toEqual(new Set(["entrepot-edge; hit", "entrepot-memory; hit"]));
  expect(statuses.slice(2)).toEqual(Array(4).fill("entrepot-edge; hit"));
});

it("a city where nobody has pulled it reads R2, once", async () => {
  const { paths } = await image([1000, 10 * MiB]);
  await pull(new Cache(), paths);
  const host = "other.example";
  const { cache, r2 } = counted();
  const first = await pull(cache, paths.slice(2), host);
  expect(first).toEqual(Array(3).fill("entrepot-r2; hit"));
  expect(r2.calls.get).toBe(2 * 4); // four segments: for the client, and for the copy
  const second = await pull(new Cache({ ...noObjects, ...noBlobs }), paths.slice(2), host);
  expect(second).toEqual(Array(3).fill("entrepot-edge; hit"));
});

describe("a pull's operations", () => {
  // Each in an isolate that remembers nothing. A match or put more than the segments' own is of the near copy: of a manifest,
  // or of a blob's layout, and of the link by which the repository may have it. The paths: 0 the manifest by tag, 1 by digest, 3 a small blob, 4 a blob of two segments.
  it.each([
    [0, { kv: { get: 1 }, r2: {}, match: 1, put: 0 }],
    [1, { kv: {}, r2: {}, match: 2, put: 0 }],
    [3, { kv: {}, r2: {}, match: 3, put: 0 }],
    [4, { kv: {}, r2: {}, match: 4, put: 0 }],
  ])("warm edge: path %i", async (at, expected) => {
    const { paths } = await image([1000, 10 * MiB]);
    await pull(new Cache(), paths);
    const { cache, kv, r2, edge } = counted();
    await pull(cache, [paths[at] as string]);
    expect({ kv: kv.calls, r2: r2.calls, match: edge.match.length, put: edge.put.length }).toEqual(
      expected,
    );
  });

  it.each([
    // The near copies that are put: of the manifest; of the layout, and the segments; and of the link.
    [0, { kv: { get: 1, getWithMetadata: 1 }, r2: {}, match: 1, put: 1 }],
    [1, { kv: { get: 1, getWithMetadata: 1 }, r2: {}, match: 2, put: 2 }],
    [3, { kv: { get: 2 }, r2: { get: 2 }, match: 4, put: 3 }],
    [4, { kv: { get: 2 }, r2: { get: 4 }, match: 6, put: 4 }],
  ])("warm R2: path %i", async (at, expected) => {
    const { paths } = await image([1000, 10 * MiB]);
    await pull(new Cache(), paths);
    const { cache, kv, r2, edge } = counted();
    await pull(cache, [paths[at] as string], "far.example");
    expect({ kv: kv.calls, r2: r2.calls, match: edge.match.length, put: edge.put.length }).toEqual(
      expected,
    );
  });

  it.each([
    [0, { kv: { get: 1, getWithMetadata: 1 }, r2: { get: 1 }, match: 1, put: 1 }],
    [1, { kv: { get: 1, getWithMetadata: 1, put: 1 }, r2: { get: 1 }, match: 2, put: 2 }],
    [3, { kv: { get: 2, put: 1 }, r2: { get: 3 }, match: 4, put: 3 }],
    // The first segment is of the fill, or of the blob where that was published meanwhile, and then looked for at the edge.
    [4, { kv: { get: 2, put: 1 }, r2: { get: 5 }, match: expect.toBeOneOf([5, 6]), put: 4 }],
  ])("cold: path %i", async (at, expected) => {
    const { paths } = await image([1000, 10 * MiB]);
    const { cache, kv, r2, edge } = counted();
    await pull(cache, [paths[at] as string]);
    expect({ kv: kv.calls, r2: r2.calls, match: edge.match.length, put: edge.put.length }).toEqual(
      expected,
    );
  });

  it("for one segment more are one match at the edge, three and two reads while there is nothing yet", async () => {
    const { paths } = await image([20 * MiB, 28 * MiB]);
    const [three, four] = paths.slice(-2) as [string, string];
    await pull(new Cache(), [three, four]);
    const cost = async (path: string, host?: string) => {
      const { cache, operations } = counted();
      await pull(cache, [path], host);
      vi.restoreAllMocks();
      return operations();
    };
    const perSegment = async (host?: string) => {
      const [less, more] = [await cost(three, host), await cost(four, host)];
      return { kv: more.kv - less.kv, r2: more.r2 - less.r2, edge: more.edge - less.edge };
    };
    const warm = await perSegment();
    expect(warm).toEqual({ kv: 0, r2: 0, edge: 1 });
    const far = await perSegment("far.example");
    expect(far).toEqual({ kv: 0, r2: 2, edge: 3 });
    // A 40 GB layer, with what one request may at most do beside.
    const segments = Math.ceil(40e9 / (8 * MiB));
    expect(segments * (far.r2 + far.edge) + 100).toBeLessThan(SUBREQUESTS);
  });

  it("do not grow with the clients: twenty at once", async () => {
    const { paths } = await image([10 * MiB]);
    await pull(new Cache(), paths);
    const { cache, kv, r2, edge } = counted();
    const layer = paths.at(-1) as string;
    await Promise.all(Array.from({ length: 20 }, () => pull(cache, [layer])));
    expect(r2.calls).toEqual({});
    expect(sum(kv.calls)).toBeLessThanOrEqual(1);
    expect(edge.match.filter((key) => key.startsWith("segment/"))).toHaveLength(2 * 20);
    expect(edge.put).toHaveLength(0);
  });

  it("of twenty at once in a new city: each may read, one copies", async () => {
    const { paths } = await image([10 * MiB]);
    const layer = paths.at(-1) as string;
    await pull(new Cache(), [layer]);
    const { cache, r2, edge } = counted();
    const all = Array.from({ length: 20 }, () => pull(cache, [layer], "crowd.example"));
    await Promise.all(all);
    expect(r2.calls.get).toBeLessThanOrEqual(2 * 20 + 2);
    expect(edge.put.filter((key) => key.startsWith("segment/"))).toHaveLength(2);
  });
});

describe("what is hot", () => {
  it("is read of KV once by twenty who come at once, and once more after some seconds", async () => {
    const { paths } = await image([1000]);
    await pull(new Cache(), paths);
    const { cache, kv } = counted();
    const twenty = () =>
      Promise.all(Array.from({ length: 20 }, () => pull(cache, paths.slice(0, 1), "hot.example")));
    await twenty();
    expect(kv.calls).toEqual({ get: 1, getWithMetadata: 1 });
    const again = await twenty();
    expect(new Set(again.flat())).toEqual(new Set(["entrepot-memory; hit"]));
    expect(kv.calls).toEqual({ get: 1, getWithMetadata: 1 });
    later(5001);
    await twenty();
    expect(kv.calls).toEqual({ get: 2, getWithMetadata: 1 }); // the manifest is at the edge
  });

  it("waits for nobody who does not come back", async () => {
    const { paths } = await image([1000]);
    await pull(new Cache(), paths);
    let hangs = true;
    const kv = new Proxy(META, {
      get(target, method) {
        if (method === "get" && hangs) {
          hangs = false;
          return () => new Promise(() => {});
        }
        const value = Reflect.get(target, method) as unknown;
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    const cache = new Cache({ META: kv });
    cache.fetch(paths[0] as string).catch(() => {}); // never answered: the platform has cancelled it
    await eventually(() => expect(hangs).toBe(false));
    expect(await pull(cache, paths.slice(0, 1))).toEqual(["entrepot-kv; hit"]);
  });
});

describe("with a KV that lags", () => {
  it("the second pull asks nothing of the upstream", async () => {
    const { name, paths } = await image([1000]);
    const lagging = new Cache({ META: laggingKv(META) });
    await pull(lagging, paths);
    const asked = (await fixture.requests({ repository: name })).length;
    expect(asked).toBe(4); // HEAD and GET of the manifest, two blobs
    await pull(lagging, paths);
    await Promise.all(paths.map((path) => lagging.head(path)));
    expect(await fixture.requests({ repository: name })).toHaveLength(asked);
  });

  it("nor of R2, in the minute in which KV shows nothing of what was just fetched", async () => {
    const { paths } = await image([1000, 10 * MiB]);
    const kv = laggingKv(META);
    await pull(new Cache({ META: kv }), paths);
    const blobs = paths.slice(1);
    for (const time of [0, 55_000]) {
      later(time);
      const statuses = await pull(new Cache({ META: kv, ...noObjects, ...noBlobs }), blobs);
      expect(new Set(statuses)).toEqual(new Set(["entrepot-edge; hit"]));
    }
  });

  it("what a tag's object has told is remembered, once its manifest is here", async () => {
    const { name, paths, digest } = await image([1000]);
    const cache = new Cache({ META: laggingKv(META) });
    await pull(cache, [`open/${name}/manifests/${digest}`]);
    expect(await pull(cache, paths.slice(0, 1))).toEqual(["entrepot; fwd=uri-miss"]);
    expect(await pull(cache, paths.slice(0, 1))).toEqual(["entrepot-memory; hit"]);
  });

  it("a record that was lost is written again, once KV would long show it", async () => {
    const { blobs, paths } = await image([1000]);
    await pull(new Cache(), paths);
    const key = `blob:${blobs[0]?.digest}`;
    await META.delete(key);
    await pull(new Cache(), paths.slice(-1), "lost.example");
    expect(await META.get(key)).toBeNull(); // it may be on its way
    later(6 * 60_000);
    await pull(new Cache(), paths.slice(-1), "lost.example");
    expect(await META.get(key, "json")).toMatchObject({ size: 1000 });
  });
});
