// Contents of a held tag: what clients use of the older image is fetched of the new one before it is old enough, and the upstream may lose it.

import { describe, expect, it } from "vitest";
import { type Cache, cacheApart, fixture, repository } from "../support/cache.ts";
import { later } from "../support/clock.ts";
import type { Image } from "../support/fixture.ts";
import { eventually } from "../support/waiting.ts";

const HOUR = 60 * 60_000;
const AGE = { minimumAge: "3h", minimumAgeFirst: "serve", tagTtl: "30m" };
const ARM = { os: "linux", architecture: "arm64" };
const AMD = { os: "linux", architecture: "amd64" };

async function get(cache: Cache, path: string) {
  const response = await cache.fetch(`open/${path}`);
  await response.arrayBuffer();
  return { status: response.status, digest: response.headers.get("docker-content-digest") };
}

async function index(name: string, seed: string) {
  const [amd, arm] = await Promise.all(
    [AMD, ARM].map((platform) =>
      fixture.image(name, undefined, {
        seed: `${name}-${seed}-${platform.architecture}`,
        platform,
      }),
    ),
  );
  const children = [
    { ...(amd as Image), platform: AMD },
    { ...(arm as Image), platform: ARM },
  ].map(({ mediaType, digest, size, platform }) => ({ mediaType, digest, size, platform }));
  const { digest } = await fixture.index(name, "1", children);
  return { digest, amd: amd as Image, arm: arm as Image };
}

const blobsOf = ({ config, layers }: Image) => [config, ...layers].map(({ digest }) => digest);

const asked = async (name: string) =>
  new Set(
    (await fixture.requests({ repository: name }))
      .filter(({ method }) => method === "GET")
      .map(({ reference }) => reference),
  );

async function pull(cache: Cache, name: string, image: Image): Promise<number[]> {
  const paths = [`manifests/${image.digest}`, ...blobsOf(image).map((one) => `blobs/${one}`)];
  const found: number[] = [];
  for (const path of paths) found.push((await get(cache, `${name}/${path}`)).status);
  return found;
}

describe("a held tag", () => {
  it("of an index is served whole once it is old enough, although the upstream has lost its contents", async () => {
    const name = repository("age-contents");
    const cache = cacheApart(AGE);
    const old = await index(name, "old");
    expect(await get(cache, `${name}/manifests/1`)).toEqual({ status: 200, digest: old.digest });
    await pull(cache, name, old.amd);
    later(4 * HOUR);
    await get(cache, `${name}/manifests/1`);
    const young = await index(name, "young");
    later(HOUR);
    expect((await get(cache, `${name}/manifests/1`)).digest).toBe(old.digest);
    const wanted = [young.amd.digest, ...blobsOf(young.amd)];
    await eventually(async () => {
      const all = await asked(name);
      expect(wanted.filter((one) => !all.has(one))).toEqual([]);
    });
    for (const one of [young.amd.digest, ...blobsOf(young.amd)]) await fixture.remove(name, one);
    later(4 * HOUR);
    expect(await get(cache, `${name}/manifests/1`)).toEqual({ status: 200, digest: young.digest });
    expect(new Set(await pull(cache, name, young.amd))).toEqual(new Set([200]));
    // Of the platform that no client has used, nothing was fetched.
    const all = await asked(name);
    const foreign = [young.arm.digest, ...blobsOf(young.arm)].filter(
      (one) => !wanted.includes(one),
    );
    expect(foreign.length).toBeGreaterThan(1);
    expect(foreign.filter((one) => all.has(one))).toEqual([]);
  });

  it("of one platform is fetched as far as its older image is here", async () => {
    const name = repository("age-contents-one");
    const cache = cacheApart(AGE);
    const old = await fixture.image(name, "1");
    await get(cache, `${name}/manifests/1`);
    await get(cache, `${name}/blobs/${old.config.digest}`);
    later(4 * HOUR);
    await get(cache, `${name}/manifests/1`);
    const young = await fixture.image(name, "1", { seed: `${name}-young` });
    later(HOUR);
    expect((await get(cache, `${name}/manifests/1`)).digest).toBe(old.digest);
    await eventually(async () => expect(await asked(name)).toContain(young.config.digest));
    const all = await asked(name);
    expect(young.layers.filter(({ digest }) => all.has(digest))).toEqual([]);
  });
});
