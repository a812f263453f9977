// Blobs in R2, and KV's record of them: what is taken back, and what is claimed.

import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Env } from "../../src/env.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { digestOf } from "../../src/oci/hash.ts";
import { BlobStore } from "../../src/store/blobs.ts";

const { BLOBS, META } = env as unknown as Env;

afterEach(() => vi.restoreAllMocks());

/** KV that refuses so many writes, as for the second within a second. */
function refusing(times: number): KVNamespace {
  let left = times;
  const refuse = () => {
    left -= 1;
    return left >= 0
      ? Promise.reject(new Error("KV PUT failed: 429 Too Many Requests"))
      : undefined;
  };
  return new Proxy(META, {
    get(target, method: "get" | "put" | "delete") {
      const call = target[method].bind(target) as (...args: unknown[]) => Promise<unknown>;
      return (...args: unknown[]) => (method === "get" ? undefined : refuse()) ?? call(...args);
    },
  });
}

async function published(store: BlobStore, seed: string) {
  const bytes = new TextEncoder().encode(seed.repeat(100));
  const digest = digestOf(bytes, "sha256") as Digest;
  return { digest, layout: await store.publishWhole(digest, bytes), bytes };
}

describe("taking back", () => {
  it("what was published anew meanwhile leaves it as it is", async () => {
    const store = new BlobStore(BLOBS, META);
    const { digest, layout, bytes } = await published(store, "anew");
    const again = await store.publishWhole(digest, bytes);
    expect(again.generation).not.toBe(layout.generation);
    await store.unpublish(layout);
    expect(await store.layout(digest)).toEqual(again);
    await store.unpublish(again);
    expect(await store.layout(digest)).toBeUndefined();
  });

  it("takes KV's record with it", async () => {
    const store = new BlobStore(BLOBS, META);
    const { digest, layout } = await published(store, "record");
    await store.records.put(layout, 1000);
    expect(await store.records.get(digest)).toEqual({ layout, confirmedAt: 1000 });
    await store.unpublish(layout);
    expect(await store.records.get(digest)).toBeUndefined();
  });
});

describe("a record", () => {
  it("that KV refuses to a fill is written again, a second later", async () => {
    const store = new BlobStore(BLOBS, refusing(1));
    const { digest, layout } = await published(store, "refused");
    await store.records.put(layout, 1, true);
    expect(await store.records.get(digest)).toMatchObject({ layout });
  });

  it("that KV goes on refusing is told, and is no failure", async () => {
    const logged = vi.spyOn(console, "error");
    const store = new BlobStore(BLOBS, refusing(9));
    const { digest, layout } = await published(store, "refused for good");
    await store.records.put(layout, 1);
    await store.records.delete(digest);
    expect(await store.records.get(digest)).toBeUndefined();
    expect(logged.mock.calls.map(([line]) => line)).toEqual([
      expect.stringMatching(/^entrepot: KV refused the record of sha256:\w+: KV PUT failed: 429/),
      expect.stringMatching(
        /^entrepot: KV failed to delete the record of sha256:\w+: KV PUT failed: 429/,
      ),
    ]);
  });
});
