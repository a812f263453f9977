// Generations, and deletion: what keeps an old copy from ever coming back.

import { env } from "cloudflare:workers";
import { createHash } from "node:crypto";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Env } from "../../src/env.ts";
import { counting, laggingKv } from "../support/bindings.ts";
import { apartPath, Cache, cacheApart, fixture, repository } from "../support/cache.ts";
import { later } from "../support/clock.ts";
import { blob, headOf, noBlobs, pull, remove, SEGMENT, urlOf } from "../support/edge.ts";
import { eventually } from "../support/waiting.ts";

const { BLOBS, META } = env as unknown as Env;

afterEach(() => {
  vi.restoreAllMocks();
});

const digestOf = (bytes: Uint8Array) =>
  `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

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
    await eventually(async () => expect((await headOf(digest))?.version).not.toBe(before ?? ""));
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
    const apart = apartPath();
    const cache = cacheApart({}, {}, apart);
    await pull(cache, path);
    expect((await pull(cacheApart({}, {}, apart), path)).cacheStatus).toBe("entrepot-edge; hit");
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
      const { version } = await eventually(async () => {
        const head = await headOf(digest);
        if (!head) throw new Error("it is still being fetched");
        return head;
      });
      const mended = async () => await META.get<{ generation: string }>(`blob:${digest}`, "json");
      await eventually(async () => expect(await mended()).toMatchObject({ generation: version }));
    },
  );

  it("by somebody's hand in R2 alone leaves KV with the first who asks R2", async () => {
    const { name, digest, path } = await blob("by-hand", 1000);
    const apart = apartPath();
    await pull(cacheApart({}, {}, apart), path);
    await BLOBS.delete(`blobs/sha256/${digest.slice(7)}`);
    await fixture.remove(name, digest);
    const cache = cacheApart({}, {}, apart);
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
    const apart = apartPath();
    await pull(cacheApart({}, {}, apart), path);
    await BLOBS.delete(`blobs/sha256/${digest.slice(7)}`);
    await fixture.remove(name, digest);
    later(7 * 60 * 60_000);
    const pulled = await pull(cacheApart({}, {}, apart), path);
    expect(pulled.cacheStatus).toBe("entrepot-edge; hit"); // and R2 is asked behind it
    expect((await pull(cacheApart({}, {}, apart), path)).status).toBe(404);
  });
});
