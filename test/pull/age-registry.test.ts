// Minimum age of tags that are first seen, by what the registry says of when they were pushed.

import { afterEach, describe, expect, it, vi } from "vitest";
import { problemOf } from "../http/problem.ts";
import { Cache, fixture, repository } from "../support/cache.ts";
import { later } from "../support/clock.ts";
import { playRegistry } from "../support/registries.ts";

const HOUR = 3_600_000;

afterEach(() => void vi.restoreAllMocks());

const cacheOf = (fields: object = {}) =>
  new Cache({
    RULES: [{ prefix: "q", upstream: "quay.io", minimumAge: "3h", tagTtl: "30m", ...fields }],
  });

/** Quay, whose API says that the tag was pushed so long ago. */
function quay(pushedAt: () => number, digest: () => string) {
  return playRegistry("quay.io", "quay.io", () => {
    const start_ts = Math.floor(pushedAt() / 1000);
    return Response.json({ tags: [{ name: "1", manifest_digest: digest(), start_ts }] });
  });
}

async function get(cache: Cache, name: string, init: RequestInit = {}) {
  const response = await cache.fetch(`q/acme/${name}/manifests/1`, init);
  const problem = response.status < 400 ? undefined : await problemOf(response.clone());
  await response.arrayBuffer();
  const { status, headers } = response;
  return {
    status,
    digest: headers.get("docker-content-digest"),
    message: problem?.message,
    headers,
  };
}

async function image(hint: string, seed?: string, name = repository(hint)) {
  const { digest } = await fixture.image(`acme/${name}`, "1", seed === undefined ? {} : { seed });
  return { name, digest };
}

describe("a tag that is first seen", () => {
  it("is served at once where it was pushed long ago, and the registry is asked once for all clients", async () => {
    const { name, digest } = await image("old");
    const at = Date.now() - 4 * HOUR;
    const { asked } = quay(
      () => at,
      () => digest,
    );
    const cache = cacheOf();
    const all = await Promise.all(Array.from({ length: 5 }, () => get(cache, name)));
    expect(all.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    later(HOUR);
    expect((await get(cacheOf(), name)).digest).toBe(digest);
    expect(asked).toHaveLength(1);
  });

  it("is refused where it was pushed lately, until it is old enough since then", async () => {
    const { name, digest } = await image("young");
    const at = Date.now() - HOUR;
    const { asked } = quay(
      () => at,
      () => digest,
    );
    const cache = cacheOf();
    const { status, headers } = await get(cache, name);
    expect(status).toBe(403);
    const until = Date.parse(headers.get("entrepot-held-until") ?? "");
    expect(Math.abs(until - (at + 3 * HOUR))).toBeLessThan(2000);
    later(1.5 * HOUR);
    expect((await get(cache, name)).status).toBe(403);
    later(0.6 * HOUR);
    expect((await get(cache, name)).status).toBe(200);
    expect(asked).toHaveLength(1);
  });

  it("is refused with 503 while the registry's API fails, which is asked no more than every 30 s", async () => {
    const { name, digest } = await image("failing");
    let isDown = true;
    const { asked } = playRegistry("quay.io", "quay.io", () => {
      const start_ts = Math.floor(Date.now() / 1000) - 4 * 3600;
      const tags = [{ name: "1", manifest_digest: digest, start_ts }];
      return isDown ? new Response("", { status: 502 }) : Response.json({ tags });
    });
    const cache = cacheOf();
    for (let at = 0; at < 3; at++) {
      const { status, message, headers } = await get(cache, name);
      expect(status).toBe(503);
      expect(Number(headers.get("retry-after"))).toBeGreaterThan(0);
      expect(message).toContain("quay.io gave 502");
    }
    expect(asked).toHaveLength(1);
    isDown = false;
    later(31_000);
    expect((await get(cache, name)).status).toBe(200);
  });

  it("is refused while the API speaks of another digest, and waits where it says nothing", async () => {
    const { name } = await image("another");
    quay(
      () => Date.now() - 9 * HOUR,
      () => `sha256:${"0".repeat(64)}`,
    );
    expect((await get(cacheOf(), name)).status).toBe(503);
    vi.restoreAllMocks();
    const { name: other, digest } = await image("silent");
    const { asked } = playRegistry("quay.io", "quay.io", () => Response.json({ tags: [] }));
    const cache = cacheOf();
    expect((await get(cache, other)).status).toBe(403);
    expect((await get(cache, other)).status).toBe(403);
    expect(asked).toHaveLength(1);
    later(3.1 * HOUR);
    expect((await get(cache, other)).digest).toBe(digest);
  });

  it("never counts as old as its image says of itself", async () => {
    // The fixture's images say that they were created in 2024.
    const { name, digest } = await image("claims");
    quay(
      () => Date.now(),
      () => digest,
    );
    expect((await get(cacheOf(), name)).status).toBe(403);
  });

  it("that moves is held, however long ago its new digest was pushed elsewhere", async () => {
    const { name, digest } = await image("moves");
    let meant = digest;
    const at = Date.now() - 9 * HOUR;
    const { asked } = quay(
      () => at,
      () => meant,
    );
    const cache = cacheOf();
    expect((await get(cache, name)).digest).toBe(digest);
    meant = (await image("moves", "two", name)).digest;
    later(HOUR);
    expect((await get(cache, name)).digest).toBe(digest);
    expect(asked).toHaveLength(1);
  });
});
