// Copies at the edge: how they get there, whole or not at all, and whom they wait for.

import { env } from "cloudflare:workers";
import { createHash } from "node:crypto";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Env } from "../../src/env.ts";
import { counting } from "../support/bindings.ts";
import { Cache } from "../support/cache.ts";
import { later } from "../support/clock.ts";
import { atEdge, blob, noBlobs, pull, SEGMENT } from "../support/edge.ts";
import { readSome } from "../support/transfers.ts";
import { eventually } from "../support/waiting.ts";

const { BLOBS } = env as unknown as Env;

afterEach(() => {
  vi.restoreAllMocks();
});

async function readerOf(answer: Promise<Response>) {
  return ((await answer).body as ReadableStream<Uint8Array>).getReader();
}

describe("a copy", () => {
  it("is made whole while the client reads nothing more", async () => {
    const { digest, path } = await blob("slow", 3 * SEGMENT + 1);
    await pull(new Cache(), path);
    const cache = new Cache();
    const host = "slow.example";
    const reader = await readerOf(cache.fetch(path, {}, host));
    let rest = await readSome(reader, 1);
    await eventually(async () => expect(await atEdge(digest, 2, host)).toEqual([SEGMENT, SEGMENT]));
    // Two are open; the others were neither read nor copied for somebody who does not read.
    expect(await atEdge(digest, 4, host)).toEqual([SEGMENT, SEGMENT, undefined, undefined]);
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      rest += value.byteLength;
    }
    expect(rest).toBe(3 * SEGMENT + 1);
    await cache.settled();
    expect(await atEdge(digest, 4, host)).toEqual([SEGMENT, SEGMENT, SEGMENT, 1]);
  });

  it("is not opened ahead for longer than a while: what was idle is opened anew", async () => {
    const { digest, path } = await blob("idle", 2 * SEGMENT + 1);
    await pull(new Cache(), path);
    const { binding, calls } = counting(BLOBS);
    const cache = new Cache({ BLOBS: binding });
    const reader = await readerOf(cache.fetch(path, {}, "idle.workers.dev"));
    const hash = createHash("sha256");
    const read = async () => {
      const { done, value } = await reader.read();
      if (value) hash.update(value);
      return !done;
    };
    await read();
    await eventually(() => expect(calls.get).toBe(2)); // the first, and the second ahead
    later(11_000);
    while (await read());
    expect(`sha256:${hash.digest("hex")}`).toBe(digest);
    expect(calls.get).toBe(4); // the second anew, and the third in its turn
  });

  it("is closed where it was opened ahead for a client that leaves", async () => {
    const { path } = await blob("closed", 2 * SEGMENT + 1);
    await pull(new Cache(), path);
    const closed: number[] = [];
    let opened = 0;
    const watched = new Proxy(BLOBS, {
      get(target, method) {
        if (method !== "get") {
          const value = Reflect.get(target, method) as unknown;
          return typeof value === "function" ? value.bind(target) : value;
        }
        return async (...args: Parameters<R2Bucket["get"]>) => {
          const object = (await target.get(...args)) as R2ObjectBody;
          const number = opened++;
          const reader = object.body.getReader();
          const body = new ReadableStream({
            async pull(controller) {
              const { done, value } = await reader.read();
              if (done) controller.close();
              else controller.enqueue(value);
            },
            cancel() {
              closed.push(number);
              return reader.cancel();
            },
          });
          const { size, version, uploaded, customMetadata } = object;
          return { size, version, uploaded, customMetadata, body };
        };
      },
    });
    const cache = new Cache({ BLOBS: watched });
    const reader = await readerOf(cache.fetch(path, {}, "closed.workers.dev"));
    await readSome(reader, 1);
    await eventually(() => expect(opened).toBe(2));
    await reader.cancel();
    await eventually(() => expect(closed.sort()).toEqual([0, 1]));
  });

  it("is made whole for a client that leaves", async () => {
    const { digest, path } = await blob("left", 2 * SEGMENT + 1);
    await pull(new Cache(), path);
    const cache = new Cache();
    const host = "left.example";
    const reader = await readerOf(cache.fetch(path, {}, host));
    await readSome(reader, 1);
    await reader.cancel();
    await cache.settled();
    const [first, second, last] = await atEdge(digest, 3, host);
    expect(first).toBe(SEGMENT);
    expect([SEGMENT, undefined]).toContain(second);
    expect([1, undefined]).toContain(last);
    expect(await pull(new Cache(), path, {}, host)).toMatchObject({ whole: true, digest });
  });

  /** R2 that gives the readings after the first two, in a body that breaks off or is short. */
  const failing = (body: () => Promise<ArrayBuffer>, isBad = (get: number) => get > 2) => {
    let gets = 0;
    return new Proxy(BLOBS, {
      get(target, method) {
        if (method !== "get") {
          const value = Reflect.get(target, method) as unknown;
          return typeof value === "function" ? value.bind(target) : value;
        }
        return async (...args: Parameters<R2Bucket["get"]>) => {
          const object = (await target.get(...args)) as R2ObjectBody;
          gets += 1;
          if (!isBad(gets)) return object;
          await object.body.cancel();
          const bytes = async () => new Uint8Array(await body());
          return { size: object.size, version: object.version, arrayBuffer: body, bytes };
        };
      },
    });
  };

  it.each([
    ["breaks off", () => Promise.reject(new Error("Network connection lost"))],
    ["is short", () => Promise.resolve(new ArrayBuffer(5))],
  ])("of which the reading %s is not made, and the client has all", async (_, body) => {
    const { digest, path } = await blob("broken");
    await pull(new Cache(), path);
    const host = "broken.example";
    const cache = new Cache({ BLOBS: failing(body) });
    expect(await pull(cache, path, {}, host)).toMatchObject({ whole: true, digest });
    expect(await atEdge(digest, 2, host)).toEqual([undefined, undefined]);
  });

  it("follows a cold pull: who comes next reads nothing from R2", async () => {
    const { digest, path } = await blob("cold");
    const cold = await pull(new Cache(), path);
    expect(cold.cacheStatus).toBe("entrepot; fwd=uri-miss; stored");
    const next = await pull(new Cache(noBlobs), path);
    expect(next).toMatchObject({ whole: true, digest, cacheStatus: "entrepot-edge; hit" });
  });

  it("is one at a time in an isolate: each takes a buffer", async () => {
    const blobs = await Promise.all([1, 2, 3].map((at) => blob(`buffers-${at}`, SEGMENT)));
    for (const { path } of blobs) await pull(new Cache(), path, {}, "elsewhere.example");
    const cache = await caches.open("entrepot");
    let puts = 0;
    let most = 0;
    const slow = {
      match: cache.match.bind(cache),
      delete: cache.delete.bind(cache),
      put: async (request: RequestInfo | URL, response: Response) => {
        if (!String(request).includes("/segment/")) return cache.put(request, response);
        puts += 1;
        most = Math.max(most, puts);
        await cache.put(request, response);
        puts -= 1;
      },
    };
    vi.spyOn(caches, "open").mockResolvedValue(slow as globalThis.Cache);
    const one = new Cache();
    await Promise.all(blobs.map(({ path }) => pull(one, path, {}, "buffers.example")));
    expect(most).toBe(1);
    vi.restoreAllMocks();
    for (const { digest } of blobs) {
      expect(await atEdge(digest, 1, "buffers.example")).toEqual([SEGMENT]);
    }
  });

  it("of an empty blob is not needed", async () => {
    const { digest, path } = await blob("empty", 0);
    await pull(new Cache(), path);
    for (const headers of [{}, { Range: "bytes=0-" }]) {
      const empty = await pull(new Cache(noBlobs), path, headers);
      if (headers.Range) expect(empty.status).toBe(416);
      else expect(empty).toMatchObject({ whole: true, digest, size: 0 });
    }
  });

  it("that failed may be made by the next pull", async () => {
    const { digest, path } = await blob("again", 1000);
    await pull(new Cache(), path);
    const host = "again.example";
    // The first reading is the client's, the second the copy's.
    const isOut = () => Promise.reject(new Error("R2 is out"));
    const cache = new Cache({ BLOBS: failing(isOut, (get) => get === 2) });
    await pull(cache, path, {}, host);
    expect(await atEdge(digest, 1, host)).toEqual([undefined]);
    await pull(cache, path, {}, host);
    expect(await atEdge(digest, 1, host)).toEqual([1000]);
  });
});
