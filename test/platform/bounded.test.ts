// Bounds of caches in memory.

import { LRUCache } from "lru-cache";
import { expect, it } from "vitest";
import { atMost } from "../../src/platform/bounded.ts";

it("a cache of at most three entries drops the one that was used least recently", () => {
  const cache = new LRUCache<string, number>(atMost(3));
  for (const [at, key] of ["a", "b", "c"].entries()) cache.set(key, at);
  cache.get("a");
  cache.set("c", 7);
  cache.set("d", 3);
  expect([...cache.keys()].sort()).toEqual(["a", "c", "d"]);
});

it("allocates nothing for entries that are not there", () => {
  expect(new LRUCache<string, number>(atMost(10_000)).max).toBe(0);
});
