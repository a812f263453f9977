// The edge cache: what is copied there, how it gets there, and what keeps the wrong thing from ever coming from it.

import { env } from "cloudflare:workers";
import { createHash } from "node:crypto";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Env } from "../../src/env.ts";
import { counting, laggingKv, untouchable, watchingEdge } from "../support/bindings.ts";
import { Cache, cacheApart, fixture, repository } from "../support/cache.ts";
import { seedOf } from "../support/fixture.ts";
import { coverOnce, MiB, readSome, receive } from "../support/transfers.ts";

const { BLOBS, META } = env as unknown as Env;
const SEGMENT = 8 * MiB;
const noBlobs = { BLOBS: untouchable("R2") };
const CITY = "cache.example";

afterEach(() => {
  vi.restoreAllMocks();
});

const clock = Date.now.bind(Date);

/** Puts all clocks on by `time` ms. */
function later(time: number): void {
  const ahead = Date.now() - clock() + time;
  vi.spyOn(Date, "now").mockImplementation(() => clock() + ahead);
}

async function blob(hint: string, size = SEGMENT + 77) {
  const name = repository(hint);
  const { digest } = await fixture.blob(name, { seed: seedOf(name), size });
  return { name, digest, path: `open/${name}/blobs/${digest}` };
}

/** Pulls it to its end, and waits for what goes on behind. */
async function pull(cache: Cache, path: string, headers: Record<string, string> = {}, host = CITY) {
  const received = await receive(cache.fetch(path, { headers }, host));
  await cache.settled();
  return received;
}

const headOf = async (digest: string) =>
  (await BLOBS.head(`blobs/sha256/${digest.slice(7)}`)) as R2Object;

const digestOf = (bytes: Uint8Array) =>
  `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

/** The URL that a segment is kept under in a city. */
async function urlOf(digest: string, number: number, host = CITY): Promise<string> {
  return `https://${host}/segment/${digest}/${(await headOf(digest)).version}/${number}`;
}

/** Bytes of each segment that is at the edge; undefined where it is not. */
async function atEdge(digest: string, segments: number, host = CITY) {
  const cache = await caches.open("entrepot");
  const urls = await Promise.all(
    Array.from({ length: segments }, (_, number) => urlOf(digest, number, host)),
  );
  return Promise.all(
    urls.map(async (url) => (await (await cache.match(url))?.arrayBuffer())?.byteLength),
  );
}

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

describe("a copy", () => {
  it("is made whole while the client reads nothing more", async () => {
    const { digest, path } = await blob("slow", 3 * SEGMENT + 1);
    await pull(new Cache(), path);
    const cache = new Cache();
    const host = "slow.example";
    const response = await cache.fetch(path, {}, host);
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    let rest = await readSome(reader, 1);
    await vi.waitFor(
      async () => expect(await atEdge(digest, 2, host)).toEqual([SEGMENT, SEGMENT]),
      { timeout: 15_000 },
    );
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
    const response = await cache.fetch(path, {}, "idle.workers.dev");
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    const hash = createHash("sha256");
    const read = async () => {
      const { done, value } = await reader.read();
      if (value) hash.update(value);
      return !done;
    };
    await read();
    await vi.waitFor(() => expect(calls.get).toBe(2)); // the first, and the second ahead
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
    const response = await cache.fetch(path, {}, "closed.workers.dev");
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    await readSome(reader, 1);
    await vi.waitFor(() => expect(opened).toBe(2));
    await reader.cancel();
    await vi.waitFor(() => expect(closed.sort()).toEqual([0, 1]));
  });

  it("is made whole for a client that leaves", async () => {
    const { digest, path } = await blob("left", 2 * SEGMENT + 1);
    await pull(new Cache(), path);
    const cache = new Cache();
    const host = "left.example";
    const response = await cache.fetch(path, {}, host);
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
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

describe("an edge cache that", () => {
  const fails = () => Promise.reject(new Error("the edge is out of order"));
  const hangs = () => new Promise<never>(() => {});

  it("has failed is left alone for a while", async () => {
    const { path } = await blob("resting", SEGMENT + 5);
    await pull(new Cache(), path);
    const calls = watchingEdge((method) => (method === "match" ? fails() : undefined));
    const cache = new Cache();
    // Each pull tries once, until three have.
    for (let at = 0; at < 5; at++) await pull(cache, path);
    expect(calls.match).toHaveLength(3);
    expect([calls.put, calls.delete]).toEqual([[], []]);
    later(10_001);
    await pull(cache, path);
    expect(calls.match).toHaveLength(4);
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

describe("a generation", () => {
  /** Other bytes in place of what is at the edge, as if they had been wrong when they were copied. */
  async function spoil(digest: string, segments: number[]): Promise<void> {
    const cache = await caches.open("entrepot");
    for (const number of segments) {
      const url = await urlOf(digest, number);
      const { headers } = (await cache.match(url)) as Response;
      const length = Number(headers.get("content-length"));
      await cache.put(url, new Response(new Uint8Array(length), { headers }));
    }
  }

  it("that was healed brings nothing back", async () => {
    const { digest, path } = await blob("healed", 2 * SEGMENT + 9);
    await pull(new Cache(), path);
    await spoil(digest, [0, 2]);
    // A segment that is gone from R2 and the edge has the blob healed.
    await (await caches.open("entrepot")).delete(await urlOf(digest, 1));
    const { objects } = await BLOBS.list({ prefix: `blobs/sha256/${digest.slice(7)}/` });
    await BLOBS.delete(objects.find(({ key }) => key.endsWith("/000001"))?.key as string);
    const before = (await headOf(digest)).version;
    const cache = new Cache();
    await pull(cache, path, { Range: `bytes=${SEGMENT}-${SEGMENT + 9}` });
    await vi.waitFor(async () => expect((await headOf(digest))?.version).not.toBe(before ?? ""));
    expect(await pull(cache, path)).toMatchObject({ whole: true, digest });
    expect(await pull(new Cache(), path)).toMatchObject({ whole: true, digest });
    expect(await pull(new Cache(noBlobs), path)).toMatchObject({
      whole: true,
      digest,
      cacheStatus: "entrepot-edge; hit",
    });
  });

  it("that an old claim of KV names is not read again where the new one was seen", async () => {
    const { digest, path } = await blob("old-claim");
    await pull(new Cache(), path);
    const record = (await META.get(`blob:${digest}`)) as string;
    await spoil(digest, [0, 1]);
    const old = await Promise.all([urlOf(digest, 0), urlOf(digest, 1)]);
    await remove(digest);
    await pull(new Cache(), path, {}, "elsewhere.example");
    await META.put(`blob:${digest}`, record);
    later(66_000);
    const cache = new Cache();
    await (await caches.open("entrepot")).delete(old[0] as string);
    // Without the first segment at the edge R2 is asked, and tells of the new generation.
    expect(await pull(cache, path)).toMatchObject({ digest, cacheStatus: "entrepot-r2; hit" });
    later(6_000);
    for (const other of [cache, new Cache()]) {
      const range = { Range: `bytes=${SEGMENT}-` };
      const last = await pull(other, path, range);
      expect(last).toMatchObject({ size: 77, cacheStatus: "entrepot-edge; hit" });
      expect(last.digest).not.toBe(digestOf(new Uint8Array(77)));
    }
    const version = (await headOf(digest)).version;
    expect(await META.get(`blob:${digest}`, "json")).toMatchObject({ generation: version });
  });

  it("that replaced another in mid-answer is gone on with", async () => {
    const { name, digest, path } = await blob("replaced");
    await pull(new Cache(), path);
    const last = await urlOf(digest, 1);
    await remove(digest);
    await pull(new Cache(), path, {}, "elsewhere.example");
    await (await caches.open("entrepot")).delete(last);
    const asked = (await fixture.requests({ repository: name })).length;
    // The city's near copy is of the old one, and so is the first segment.
    const pulled = await pull(new Cache(), path);
    expect(pulled).toMatchObject({ whole: true, digest, cacheStatus: "entrepot-edge; hit" });
    expect(await fixture.requests({ repository: name })).toHaveLength(asked);
  });

  it("that was deleted, and fetched again, brings nothing back", async () => {
    const { name, digest, path } = await blob("deleted");
    await pull(new Cache(), path);
    await spoil(digest, [0, 1]);
    await remove(digest);
    // Memory, the near copy and KV are late by their seconds.
    later(66_000);
    const again = await pull(new Cache(), path);
    expect(again).toMatchObject({ whole: true, digest });
    expect(again.cacheStatus).toBe("entrepot; fwd=uri-miss; stored");
    expect(await fixture.requests({ repository: name })).not.toHaveLength(2);
    expect(await pull(new Cache(), path)).toMatchObject({ whole: true, digest });
  });
});

/** As whoever deletes a blob does: KV's record and the head, and then the segments. */
async function remove(digest: string): Promise<void> {
  await META.delete(`blob:${digest}`);
  const { objects } = await BLOBS.list({ prefix: `blobs/sha256/${digest.slice(7)}` });
  await BLOBS.delete(objects.map(({ key }) => key));
}

describe("what was deleted", () => {
  it("leaves the edge with it: a blob", async () => {
    const { path, digest, name } = await blob("gone");
    const cache = cacheApart();
    await pull(cache, path);
    await remove(digest);
    await fixture.remove(name, digest);
    later(66_000);
    for (const method of ["GET", "HEAD"]) {
      expect((await cache.fetch(path, { method })).status).toBe(404);
    }
    const ranged = await cache.fetch(path, { headers: { Range: "bytes=5-9" } });
    expect(ranged.status).toBe(404);
  });

  it("leaves the edge with it: a manifest", async () => {
    const name = repository("gone");
    const { digest } = await fixture.image(name, "1");
    const path = `open/${name}/manifests/${digest}`;
    const cache = cacheApart();
    await pull(cache, path);
    expect((await pull(cacheApart(), path)).cacheStatus).toBe("entrepot-edge; hit");
    await META.delete(`manifest:${digest}`);
    await BLOBS.delete(`manifests/sha256/${digest.slice(7)}`);
    await fixture.remove(name, "1");
    await fixture.remove(name, digest);
    later(66_000);
    expect((await cache.fetch(path)).status).toBe(404);
  });

  it.each([
    ["", {}],
    [", by a range", { Range: "bytes=5-9" }],
  ])(
    "and is claimed by a record that KV failed to delete is fetched again%s",
    async (_, headers) => {
      const { digest, path } = await blob("claimed");
      await pull(new Cache(), path);
      const record = (await META.get(`blob:${digest}`)) as string;
      await remove(digest);
      await META.put(`blob:${digest}`, record);
      // Another city: nothing is at its edge.
      const pulled = await pull(new Cache(), path, headers, "claimed.example");
      expect(pulled).toMatchObject({ whole: true });
      const { version } = await vi.waitFor(async () => {
        const head = await headOf(digest);
        if (!head) throw new Error("it is still being fetched");
        return head;
      });
      const mended = async () => await META.get<{ generation: string }>(`blob:${digest}`, "json");
      await vi.waitFor(async () => expect(await mended()).toMatchObject({ generation: version }));
    },
  );

  it("by somebody's hand in R2 alone leaves KV with the first who asks R2", async () => {
    const { name, digest, path } = await blob("by-hand", 1000);
    await pull(cacheApart(), path);
    await BLOBS.delete(`blobs/sha256/${digest.slice(7)}`);
    await fixture.remove(name, digest);
    const cache = cacheApart();
    const far = "by-hand.example";
    expect((await cache.fetch(path, { method: "HEAD" }, far)).status).toBe(200); // a claim
    expect((await pull(cache, path, {}, far)).status).toBe(404);
    expect((await cache.fetch(path, { method: "HEAD" }, far)).status).toBe(404);
    expect(await META.get(`blob:${digest}`)).toBeNull();
  });

  it("while KV's claim is compared with it leaves KV all the same", async () => {
    const { digest, path } = await blob("meanwhile", 1000);
    await pull(new Cache(), path);
    later(7 * 60 * 60_000);
    let raced = false;
    const kv = new Proxy(META, {
      get(target, method: keyof KVNamespace) {
        const call = (target[method] as (...args: unknown[]) => Promise<unknown>).bind(target);
        return async (...args: unknown[]) => {
          if (method === "put" && args[0] === `blob:${digest}` && !raced) {
            raced = true;
            await BLOBS.delete(`blobs/sha256/${digest.slice(7)}`);
            await META.delete(`blob:${digest}`);
          }
          return call(...args);
        };
      },
    });
    await pull(new Cache({ META: kv }), path);
    expect(raced).toBe(true);
    expect(await META.get(`blob:${digest}`)).toBeNull();
  });

  it("and whose KV shows late is told to KV once, not by every pull", async () => {
    const { name, digest, path } = await blob("late", 1000);
    await pull(new Cache(), path);
    await BLOBS.delete(`blobs/sha256/${digest.slice(7)}`);
    await fixture.remove(name, digest);
    const { binding, calls } = counting(laggingKv(META));
    const cache = cacheApart({}, { META: binding });
    for (let at = 0; at < 5; at++) {
      await pull(cache, path, {}, "late.workers.dev");
      later(6_000);
    }
    expect(calls.delete).toBe(1);
  });

  it("is what KV's claim is compared with, every six hours", async () => {
    const { digest, path } = await blob("confirmed", 1000);
    await pull(new Cache(), path);
    const confirmedAt = async () =>
      (await META.get<{ confirmedAt: number }>(`blob:${digest}`, "json"))?.confirmedAt ?? 0;
    const first = await confirmedAt();
    later(5 * 60 * 60_000);
    await pull(new Cache(noBlobs), path);
    expect(await confirmedAt()).toBe(first);
    later(2 * 60 * 60_000);
    expect((await pull(new Cache(), path)).cacheStatus).toBe("entrepot-edge; hit");
    expect(await confirmedAt()).toBeGreaterThan(first + 6 * 60 * 60_000);
    await pull(new Cache(noBlobs), path);
  });

  it("by somebody's hand leaves also where all is at the edge, once KV's claim is old", async () => {
    const { name, digest, path } = await blob("by-hand", 1000);
    await pull(cacheApart(), path);
    await BLOBS.delete(`blobs/sha256/${digest.slice(7)}`);
    await fixture.remove(name, digest);
    later(7 * 60 * 60_000);
    expect((await pull(cacheApart(), path)).cacheStatus).toBe("entrepot-edge; hit"); // and R2 is asked behind it
    expect((await pull(cacheApart(), path)).status).toBe(404);
  });
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
