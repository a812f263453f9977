// Promise 6, a hit is as fast as the platform: no Durable Object, no upstream, and the fewest reads.

import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { Env } from "../../src/env.ts";
import { counting, laggingKv, untouchable } from "../support/bindings.ts";
import { Cache, fixture, repository } from "../support/cache.ts";
import { MiB, receive } from "../support/transfers.ts";

const { BLOBS, META } = env as unknown as Env;
const noObjects = Object.fromEntries(
  ["BLOB_FILL", "MANIFEST_FILL", "TAG_FILL", "UPSTREAM_GATE"].map((name) => [
    name,
    untouchable(name),
  ]),
);

/** Everything that a client asks for when it pulls an image by tag. */
async function pull(cache: Cache, paths: string[]): Promise<void> {
  for (const path of paths) expect(await receive(cache.fetch(path))).toMatchObject({ whole: true });
}

async function image(layers: number[]) {
  const name = repository("hot");
  const { digest, config, layers: blobs } = await fixture.image(name, "1", { layers });
  const paths = [
    `open/${name}/manifests/1`,
    `open/${name}/manifests/${digest}`,
    ...[config, ...blobs].map((blob) => `open/${name}/blobs/${blob.digest}`),
  ];
  return { name, paths };
}

it("a warm pull touches no Durable Object", async () => {
  const { paths } = await image([1000, 10 * MiB]);
  await pull(new Cache(), paths);
  await pull(new Cache(noObjects), paths);
});

describe("a warm pull's reads", () => {
  it.each([
    ["a manifest by tag: two of KV", 0, { get: 1, getWithMetadata: 1 }, {}],
    ["a manifest by digest: one of KV", 1, { getWithMetadata: 1 }, {}],
    ["a blob of one segment: one of R2", 3, {}, { get: 1 }],
    ["a blob of two segments: two of R2", 4, {}, { get: 2 }],
  ])("%s", async (_, at, kvCalls, r2Calls) => {
    const { paths } = await image([1000, 10 * MiB]);
    await pull(new Cache(), paths);
    const kv = counting(META);
    const r2 = counting(BLOBS);
    await pull(new Cache({ META: kv.binding, BLOBS: r2.binding }), [paths[at] as string]);
    expect(kv.calls).toEqual(kvCalls);
    expect(r2.calls).toEqual(r2Calls);
  });
});

it("with a KV that lags, the second pull asks nothing of the upstream", async () => {
  const { name, paths } = await image([1000]);
  const lagging = new Cache({ META: laggingKv(META) });
  await pull(lagging, paths);
  const asked = (await fixture.requests({ repository: name })).length;
  expect(asked).toBe(4); // HEAD and GET of the manifest, two blobs
  await pull(lagging, paths);
  await Promise.all(paths.map((path) => lagging.head(path)));
  expect(await fixture.requests({ repository: name })).toHaveLength(asked);
});
