// What is kept near: for seconds, bounded by bytes, read once for all who come meanwhile.

import { describe, expect, it } from "vitest";
import { EdgeCache } from "../../src/store/edge.ts";
import { type Found, Near } from "../../src/store/near.ts";
import type { ReadVisit } from "../../src/store/visit.ts";

interface Thing {
  bytes: Uint8Array;
}

/** As many bytes as a thing says that it has. */
const FORM = {
  encode: ({ bytes }: Thing) => ({ bytes, contentType: "application/octet-stream" }),
  decode: async (response: Response): Promise<Thing> => ({
    bytes: new Uint8Array(await response.arrayBuffer()),
  }),
};
const A = { key: "a", form: FORM };
const thing = (size: number): Thing => ({ bytes: new Uint8Array(size) });

/** Where there is no edge cache: memory alone. */
function visit(now = Date.now()): ReadVisit {
  return { host: "near.workers.dev", now, later: () => {} };
}

/** Asks for `key`, and says whether it had to be read. */
async function isRead(near: Near, key: string, size = 10, at = visit()): Promise<boolean> {
  let read = false;
  const found = await near.get<Thing>({ key, form: FORM }, at, async () => {
    read = true;
    return { value: thing(size), layer: "kv" };
  });
  expect(found?.layer).toBe(read ? "kv" : "memory");
  expect(found?.value.bytes.byteLength).toBe(size);
  return read;
}

describe("memory", () => {
  it("counts for five seconds", async () => {
    const near = new Near(new EdgeCache());
    const now = Date.now();
    expect(await isRead(near, "a")).toBe(true);
    expect(await isRead(near, "a", 10, visit(now + 4_900))).toBe(false);
    expect(await isRead(near, "a", 10, visit(now + 6_000))).toBe(true);
  });

  it("holds no more bytes than it may: those that were asked for last", async () => {
    const near = new Near(new EdgeCache(), 10_000);
    for (let at = 0; at < 50; at++) {
      await isRead(near, `key-${at}`, 1000);
      await isRead(near, "key-0", 1000);
      expect(near.size).toBeLessThanOrEqual(10_000);
    }
    expect(near.size).toBeGreaterThan(8_000);
    expect(await isRead(near, "key-0", 1000)).toBe(false);
    expect(await isRead(near, "key-49", 1000)).toBe(false);
    expect(await isRead(near, "key-20", 1000)).toBe(true);
  });

  it("holds a manifest of the largest size, and nothing larger", async () => {
    const near = new Near(new EdgeCache());
    const MiB = 1024 * 1024;
    expect(await isRead(near, "large", 4 * MiB)).toBe(true);
    expect(await isRead(near, "large", 4 * MiB)).toBe(false);
    for (let at = 0; at < 8; at++) await isRead(near, `large-${at}`, 4 * MiB);
    expect(near.size).toBeLessThanOrEqual(16 * MiB);
    expect(await isRead(near, "too large", 5 * MiB)).toBe(true);
    expect(await isRead(near, "too large", 5 * MiB)).toBe(true);
  });

  it("forgets", async () => {
    const near = new Near(new EdgeCache());
    await isRead(near, "a");
    near.forget(A, visit());
    expect(await isRead(near, "a")).toBe(true);
  });

  it("does not remember that something is not there", async () => {
    const near = new Near(new EdgeCache());
    expect(await near.get(A, visit(), async () => undefined)).toBeUndefined();
    expect(await isRead(near, "a")).toBe(true);
  });
});

describe("a reading", () => {
  const slow = (found: Found<Thing> | undefined, counts: { reads: number }) => async () => {
    counts.reads += 1;
    await new Promise((resolve) => setTimeout(resolve, 20));
    return found;
  };

  it("is one for all who come meanwhile", async () => {
    const near = new Near(new EdgeCache());
    const counts = { reads: 0 };
    const read = slow({ value: thing(1), layer: "kv" }, counts);
    const all = await Promise.all(Array.from({ length: 30 }, () => near.get(A, visit(), read)));
    expect(counts.reads).toBe(1);
    expect(all.map((found) => found?.layer).sort()).toEqual(["kv", ...Array(29).fill("memory")]);
  });

  it("that finds nothing lets the others read side by side", async () => {
    const near = new Near(new EdgeCache());
    const counts = { reads: 0, most: 0, now: 0 };
    const read = async () => {
      counts.now += 1;
      counts.most = Math.max(counts.most, counts.now);
      await slow(undefined, counts)();
      counts.now -= 1;
      return undefined;
    };
    await Promise.all(Array.from({ length: 30 }, () => near.get(A, visit(), read)));
    expect(counts.reads).toBe(30);
    expect(counts.most).toBeGreaterThan(20);
  });

  it("that fails is its own reader's failure", async () => {
    const near = new Near(new EdgeCache());
    const failing = near.get(A, visit(), () => Promise.reject(new Error("R2 is down")));
    const other = isRead(near, "a");
    await expect(failing).rejects.toThrow("R2 is down");
    expect(await other).toBe(true);
  });

  it("gives way to what was learnt meanwhile", async () => {
    const near = new Near(new EdgeCache());
    const learnt = thing(2);
    const found = await near.get(A, visit(), async () => {
      near.keep(A, learnt, visit());
      return { value: thing(1), layer: "kv" };
    });
    expect(found?.value).toBe(learnt);
  });
});
