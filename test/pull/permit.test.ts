// What may be pulled: a rule's lists, by tag and by digest, cached or not.

import { describe, expect, it } from "vitest";
import { problemOf } from "../http/problem.ts";
import { apartPath, Cache, fixture, repository } from "../support/cache.ts";
import { TYPES } from "../support/fixture.ts";
import { receive } from "../support/transfers.ts";

const REASON = "only what the platform team has looked at; ask in #platform";

/** A repository with an index under `1` and an image under `2`, and two caches on one upstream: with the lists and without. */
async function stage(hint: string, listsOf: (name: string) => object) {
  const name = repository(hint);
  const child = await fixture.image(name, undefined, { seed: `${name}-amd64` });
  const arm64 = await fixture.image(name, undefined, {
    seed: `${name}-arm64`,
    platform: { os: "linux", architecture: "arm64" },
  });
  const index = await fixture.index(name, "1", [child, arm64]);
  const other = await fixture.image(name, "2", { seed: `${name}-other` });
  const upstream = fixture.url("open") + apartPath();
  const rule = { prefix: "p", upstream };
  const lists = { denyReason: REASON, ...listsOf(name) };
  const cache = new Cache({ RULES: [{ ...rule, ...lists }] });
  const free = new Cache({ RULES: [rule] });
  return { name, index, child, arm64, other, cache, free };
}

type Stage = Awaited<ReturnType<typeof stage>>;

const blobOf = ({ layers }: Stage["child"]) => `blobs/${layers[0]?.digest}`;

async function expectDenied(cache: Cache, path: string): Promise<void> {
  const problem = await problemOf(cache.fetch(path));
  expect(problem).toMatchObject({ status: 403, code: "DENIED", message: REASON });
  expect((await cache.head(path)).status).toBe(403);
}

async function expectServed(cache: Cache, path: string): Promise<void> {
  expect((await receive(cache.fetch(path))).status).toBe(200);
}

describe("a name that is not allowed", () => {
  it.each<[string, (name: string) => object]>([
    ["by allow", () => ({ allow: ["other/*"] })],
    ["by deny", (name) => ({ deny: [name] })],
  ])("is refused, and never reaches the upstream: %s", async (_, lists) => {
    const { name, index, other, cache } = await stage("denied", lists);
    const paths = [
      "manifests/1",
      `manifests/${index.digest}`,
      blobOf(other),
      "tags/list",
      "tags/list?n=0",
    ];
    for (const path of [...paths, `referrers/${index.digest}`])
      await expectDenied(cache, `p/${name}/${path}`);
    expect(await fixture.requests({ repository: name })).toEqual([]);
  });

  it("is refused also when it is cached", async () => {
    const { name, index, other, cache, free } = await stage("cached", (name) => ({ deny: [name] }));
    const paths = ["manifests/1", `manifests/${index.digest}`, "manifests/2", blobOf(other)];
    for (const path of paths) await expectServed(free, `p/${name}/${path}`);
    for (const path of paths) await expectDenied(cache, `p/${name}/${path}`);
  });

  it("is refused with a default message when the rule gives no reason", async () => {
    const { name, cache } = await stage("reasonless", (name) => ({
      deny: [name],
      denyReason: undefined,
    }));
    const problem = await problemOf(cache.fetch(`p/${name}/manifests/1`));
    expect(problem).toMatchObject({ status: 403, code: "DENIED" });
    expect(problem.message).toContain(name);
  });
});

describe("with lists over tags", () => {
  const lists = (name: string) => ({ allow: [`${name}:1`] });

  it("an allowed tag is served with all its contents, once it is known", async () => {
    const stages = await stage("tagged", lists);
    const { name, index, child, arm64, cache } = stages;
    const digests = [index, child, arm64].map(({ digest }) => `manifests/${digest}`);
    for (const path of [...digests, blobOf(child)]) await expectDenied(cache, `p/${name}/${path}`);
    expect(await fixture.requests({ repository: name })).toEqual([]);
    await expectServed(cache, `p/${name}/manifests/1`);
    for (const path of digests) await expectServed(cache, `p/${name}/${path}`);
    for (const path of [
      blobOf(child),
      blobOf(arm64),
      `blobs/${child.config.digest}`,
      `referrers/${child.digest}`,
    ]) {
      await expectServed(cache, `p/${name}/${path}`);
    }
  });

  it("a HEAD by tag, containerd's first request, makes its digest known, and a GET its contents", async () => {
    const { name, index, child, cache } = await stage("headed", lists);
    expect((await cache.head(`p/${name}/manifests/1`)).status).toBe(200);
    await expectServed(cache, `p/${name}/manifests/${index.digest}`);
    await expectServed(cache, `p/${name}/manifests/${child.digest}`);
    await expectServed(cache, `p/${name}/${blobOf(child)}`);
  });

  it("the contents of another tag are refused, also when they are cached and known", async () => {
    const { name, other, cache, free } = await stage("other-tag", lists);
    for (const path of ["manifests/1", "manifests/2", blobOf(other)])
      await expectServed(free, `p/${name}/${path}`);
    for (const path of ["manifests/2", `manifests/${other.digest}`, blobOf(other)]) {
      await expectDenied(cache, `p/${name}/${path}`);
    }
  });

  it("a denied tag of the same digest does not make an allowed tag refused", async () => {
    const { name, index, cache } = await stage("same", (name) => ({ deny: [`${name}:latest`] }));
    await fixture.tag(name, "latest", index.digest);
    await expectDenied(cache, `p/${name}/manifests/latest`);
    await expectServed(cache, `p/${name}/manifests/1`);
    await expectServed(cache, `p/${name}/manifests/${index.digest}`);
  });

  it("an earlier digest of an allowed tag is still served by digest", async () => {
    const { name, index, cache } = await stage("moved", (name) => ({
      ...lists(name),
      tagTtl: "0s",
    }));
    await expectServed(cache, `p/${name}/manifests/1`);
    const moved = await fixture.image(name, "1", { seed: `${name}-moved` });
    await expectServed(cache, `p/${name}/manifests/1`);
    for (const { digest } of [moved, index])
      await expectServed(cache, `p/${name}/manifests/${digest}`);
    await fixture.remove(name, "1");
    expect((await cache.fetch(`p/${name}/manifests/1`)).status).toBe(404);
    await expectServed(cache, `p/${name}/manifests/${index.digest}`);
  });

  it("a tag that was pulled before the lists existed counts", async () => {
    const { name, child, index, cache, free } = await stage("before", lists);
    await expectServed(free, `p/${name}/manifests/1`);
    for (const { digest } of [index, child])
      await expectServed(cache, `p/${name}/manifests/${digest}`);
  });

  it("another repository's tag does not count", async () => {
    const { name, index, cache, free } = await stage("elsewhere", () => ({ allow: ["*:1"] }));
    const elsewhere = repository("elsewhere-too");
    await expectServed(free, `p/${name}/manifests/1`);
    await expectDenied(cache, `p/${elsewhere}/manifests/${index.digest}`);
  });

  it("allowDigests serves any digest of an allowed name", async () => {
    const { name, other, cache } = await stage("digests", (name) => ({
      ...lists(name),
      allowDigests: true,
    }));
    await expectServed(cache, `p/${name}/manifests/${other.digest}`);
    await expectServed(cache, `p/${name}/${blobOf(other)}`);
    await expectDenied(cache, `p/${name}/manifests/2`);
    await expectDenied(cache, `p/elsewhere/manifests/${other.digest}`);
  });
});

describe("denyDigests", () => {
  it("refuses a manifest by digest, by tag, and as the child that an old client gets", async () => {
    const first = await stage("deny-child", () => ({}));
    const { name, child, arm64, index, other } = first;
    const rule = { prefix: "p", upstream: fixture.url("open") + apartPath(), denyReason: REASON };
    const cache = new Cache({ RULES: [{ ...rule, denyDigests: [child.digest, other.digest] }] });
    await expectServed(cache, `p/${name}/manifests/1`);
    await expectServed(cache, `p/${name}/manifests/${index.digest}`);
    await expectServed(cache, `p/${name}/manifests/${arm64.digest}`);
    await expectDenied(cache, `p/${name}/manifests/${child.digest}`);
    await expectDenied(cache, `p/${name}/manifests/2`);
    const headers = { Accept: TYPES.oci.manifest };
    const problem = await problemOf(cache.fetch(`p/${name}/manifests/1`, { headers }));
    expect(problem).toMatchObject({ status: 403, code: "DENIED", message: REASON });
    const gets = await fixture.requests({ repository: name, method: "GET" });
    expect(gets.map(({ reference }) => reference)).not.toContain(child.digest);
  });

  it("of an index: contents of this index only belong to no allowed tag", async () => {
    const { name, index, child, free } = await stage("deny-index", () => ({}));
    await expectServed(free, `p/${name}/manifests/1`);
    const rule = { prefix: "p", upstream: fixture.url("open") + apartPath(), denyReason: REASON };
    const lists = { allow: [`${name}:1`], denyDigests: [index.digest] };
    const cache = new Cache({ RULES: [{ ...rule, ...lists }] });
    await expectDenied(cache, `p/${name}/manifests/1`);
    await expectDenied(cache, `p/${name}/manifests/${child.digest}`);
    await expectDenied(cache, `p/${name}/${blobOf(child)}`);
  });

  it("refuses a layer, and what is cached", async () => {
    const { name, child, free } = await stage("deny-layer", () => ({}));
    const layer = child.layers[0]?.digest as string;
    const cache = new Cache({
      RULES: [
        { prefix: "p", upstream: fixture.url("open"), denyDigests: [layer], denyReason: REASON },
      ],
    });
    await expectServed(free, `p/${name}/blobs/${layer}`);
    await expectDenied(cache, `p/${name}/blobs/${layer}`);
    await expectServed(cache, `p/${name}/blobs/${child.config.digest}`);
  });
});
