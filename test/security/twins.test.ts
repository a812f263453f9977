// What is refused is refused by its bytes: a digest in quarantine or in denyDigests by one algorithm refuses the same bytes by the other.

import { env } from "cloudflare:workers";
import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { Env } from "../../src/env.ts";
import { ADMIN, api } from "../support/access.ts";
import { apartPath, Cache, fixture, repository } from "../support/cache.ts";
import { bytes, manifestOf } from "../support/fixture.ts";
import { MiB, receive } from "../support/transfers.ts";

const { BLOBS, META } = env as unknown as Env;
const upstream = fixture.url("open") + apartPath();
const cacheWith = (fields: object = {}) =>
  new Cache({ RULES: [{ prefix: "open", upstream, ...fields }], ADMIN_TOKEN: ADMIN });

const ALGORITHMS = ["sha256", "sha512"] as const;
type Algorithm = (typeof ALGORITHMS)[number];
const digestBy = (algorithm: Algorithm, content: Uint8Array) =>
  `${algorithm}:${createHash(algorithm).update(content).digest("hex")}`;

/** The same image under digests of both algorithms; its layer has two segments. */
async function stage(hint: string, size: number) {
  const name = repository(hint);
  const seed = Math.floor(Math.random() * 2 ** 31);
  const layer = bytes(seed, 0, size);
  const config = await fixture.blob(name, JSON.stringify({ hint, seed }));
  for (const algorithm of ALGORITHMS) await fixture.blob(name, { seed, size }, algorithm);
  const described = { digest: digestBy("sha256", layer), size };
  const manifest = new TextEncoder().encode(
    JSON.stringify({ ...manifestOf("oci", config, [described]), annotations: { hint, name } }),
  );
  for (const algorithm of ALGORITHMS)
    await fixture.manifest(name, manifest, { tag: algorithm, algorithm });
  return { name, layer, manifest };
}

async function statusOf(cache: Cache, path: string, init: RequestInit = {}): Promise<number> {
  return (await receive(cache.fetch(path, init))).status;
}

describe.each(ALGORITHMS)("a manifest that is refused by %s", (listed) => {
  it.each(["quarantine", "denyDigests"])(
    "by %s is refused by either, by tag and by digest",
    async (by) => {
      const { name, manifest } = await stage("twin", 1000);
      const paths = ALGORITHMS.flatMap((algorithm) => [
        `open/${name}/manifests/${digestBy(algorithm, manifest)}`,
        `open/${name}/manifests/${algorithm}`,
      ]);
      const before = cacheWith();
      for (const path of paths) expect(await statusOf(before, path)).toBe(200);
      await before.settled();
      const digest = digestBy(listed, manifest);
      if (by === "quarantine")
        await api(cacheWith(), "POST", "quarantine", { digest, reason: "bad" });
      const cache = cacheWith(by === "denyDigests" ? { denyDigests: [digest] } : {});
      for (const path of paths) {
        expect([path, await statusOf(cache, path)]).toEqual([path, 403]);
        expect((await cache.head(path)).status).toBe(403);
      }
    },
  );
});

describe.each(ALGORITHMS)("a blob that is refused by %s", (listed) => {
  it.each([
    ["of one segment", 1000],
    ["of two", 9 * MiB],
  ])("%s is refused by either, cached or not", async (_, size) => {
    const { name, layer } = await stage("twin", size);
    const paths = ALGORITHMS.map((algorithm) => `open/${name}/blobs/${digestBy(algorithm, layer)}`);
    const denying = cacheWith({ denyDigests: [digestBy(listed, layer)] });
    // Cold, its other digest is known only once all of it has come: it is broken off before its end.
    for (const path of paths) expect((await receive(denying.fetch(path))).whole).toBe(false);
    const free = cacheWith();
    for (const path of paths) expect((await receive(free.fetch(path))).whole).toBe(true);
    await free.settled();
    for (const path of paths) {
      expect([path, await statusOf(denying, path)]).toEqual([path, 403]);
      expect(await statusOf(denying, path, { headers: { Range: "bytes=1-2" } })).toBe(403);
      expect((await denying.head(path)).status).toBe(403);
    }
  });

  it("gives no range of its first fill either", async () => {
    const { name, layer } = await stage("twin-range", 20 * MiB);
    const denying = cacheWith({ denyDigests: [digestBy(listed, layer)] });
    const free = cacheWith({ denyDigests: [digestBy(listed, new Uint8Array(7))] });
    for (const range of ["bytes=0-20971518", "bytes=5-6"])
      for (const algorithm of ALGORITHMS) {
        const path = `open/${name}/blobs/${digestBy(algorithm, layer)}`;
        const init = { headers: { Range: range } };
        expect([path, await statusOf(denying, path, init)]).toEqual([path, 403]);
        expect(await statusOf(free, path, init)).toBe(206);
      }
  });

  it("is refused where an earlier version stored it, which did not note the other digest", async () => {
    const { name, layer } = await stage("old-twin", 1000);
    const digests = ALGORITHMS.map((algorithm) => digestBy(algorithm, layer));
    const free = cacheWith();
    for (const digest of digests) await free.bytes(`open/${name}/blobs/${digest}`);
    await free.settled();
    for (const digest of digests) {
      const key = `blobs/${digest.replace(":", "/")}`;
      const { customMetadata: { size = "", attempt = "" } = {} } = (await BLOBS.head(
        key,
      )) as R2Object;
      await BLOBS.put(key, layer, { customMetadata: { size, attempt } });
      await META.delete(`blob:${digest}`);
    }
    const denying = cacheWith({ denyDigests: [digestBy(listed, layer)] });
    for (const digest of digests) {
      const response = await denying.fetch(`open/${name}/blobs/${digest}`, {}, "old.example");
      expect([digest, response.status]).toEqual([digest, 403]);
    }
  });
});
