// Offline: what is here is served, nothing is asked, and what is not here is 404 in so many words.

import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Env } from "../../src/env.ts";
import { problemOf } from "../http/problem.ts";
import { untouchable } from "../support/bindings.ts";
import { apartPath, Cache, fixture, repository } from "../support/cache.ts";
import { MiB, receive } from "../support/transfers.ts";

const { META } = env as unknown as Env;

afterEach(() => vi.useRealTimers());

function later(time: number): void {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + time });
}

async function stage(hint: string) {
  const name = repository(hint);
  const image = await fixture.image(name, "1", { layers: [1000, 9 * MiB] });
  const rule = { prefix: "p", upstream: fixture.url("open") + apartPath() };
  const online = new Cache({ RULES: [rule] });
  const paths = [
    "manifests/1",
    `manifests/${image.digest}`,
    ...[image.config, ...image.layers].map(({ digest }) => `blobs/${digest}`),
  ];
  return { name, image, rule, online, paths };
}

describe.each([
  ["a rule that says so", (rule: object) => ({ RULES: [{ ...rule, offline: true }] })],
  ["the variable OFFLINE", (rule: object) => ({ RULES: [rule], OFFLINE: true })],
  ["the variable OFFLINE, as text", (rule: object) => ({ RULES: [rule], OFFLINE: "true" })],
])("offline, by %s", (_, variables) => {
  it("serves cached content of any age, labelled", async () => {
    const { name, image, rule, online, paths } = await stage("offline");
    for (const path of paths)
      expect((await receive(online.fetch(`p/${name}/${path}`))).whole).toBe(true);
    const before = (await fixture.requests({ repository: name })).length;
    later(400 * 86_400_000);
    const cache = new Cache(variables(rule));
    for (const path of paths) {
      expect((await cache.head(`p/${name}/${path}`)).status).toBe(200);
      expect((await receive(cache.fetch(`p/${name}/${path}`))).whole).toBe(true);
    }
    const response = await cache.fetch(`p/${name}/manifests/1`);
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(image.bytes);
    expect(response.headers.get("cache-status")).toBe("entrepot; hit; fwd=stale");
    expect(response.headers.get("warning")).toMatch(/offline; serving the tag as of 400 d ago/);
    expect(await fixture.requests({ repository: name })).toHaveLength(before);
  });

  it("answers 404 to other requests, with the reason", async () => {
    const { name, image, rule, paths } = await stage("offline-miss");
    const cache = new Cache(variables(rule));
    const codes: Record<string, string> = { manifests: "MANIFEST_UNKNOWN", blobs: "BLOB_UNKNOWN" };
    for (const path of [...paths, "tags/list", `referrers/${image.digest}`]) {
      const problem = await problemOf(cache.fetch(`p/${name}/${path}`));
      const code = codes[path.split("/")[0] as string] ?? "NAME_UNKNOWN";
      expect(problem).toMatchObject({ status: 404, code });
      expect(problem.message).toMatch(
        /not in the cache, and .* is not requested, since the rule "p" is offline/,
      );
      expect((await cache.head(`p/${name}/${path}`)).status).toBe(404);
    }
    expect(await fixture.requests({ repository: name })).toEqual([]);
  });
});

it("a warm tag, stale or not, needs no Durable Object", async () => {
  const { name, rule, online, paths } = await stage("offline-hot");
  for (const path of paths) await receive(online.fetch(`p/${name}/${path}`));
  later(86_400_000);
  const objects = ["BLOB_FILL", "MANIFEST_FILL", "TAG_FILL", "LIST_FILL", "UPSTREAM_GATE"];
  const none = Object.fromEntries(objects.map((object) => [object, untouchable(object)]));
  const cache = new Cache({ RULES: [{ ...rule, offline: true }], ...none });
  for (const path of paths)
    expect((await receive(cache.fetch(`p/${name}/${path}`))).whole).toBe(true);
});

it("a tag whose mapping KV lost is known by its record", async () => {
  const { name, rule, online, image } = await stage("offline-record");
  await receive(online.fetch(`p/${name}/manifests/1`));
  const empty = { get: async () => null, put: async () => {} };
  const META_LOST = new Proxy(META, {
    get: (target, method) => (empty as never)[method] ?? Reflect.get(target, method).bind(target),
  });
  later(6 * 60_000);
  const cache = new Cache({ RULES: [{ ...rule, offline: true }], META: META_LOST });
  const response = await cache.fetch(`p/${name}/manifests/1`);
  expect(response.headers.get("docker-content-digest")).toBe(image.digest);
});
