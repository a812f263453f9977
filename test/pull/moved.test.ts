// A tag that moved within its `tagTtl`, and of whose old image the upstream has lost something (spegel#1378, camunda-platform-helm#6804): the
// 404 has it asked again, so that what is asked next is answered.

import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Env } from "../../src/env.ts";
import { laggingKv } from "../support/bindings.ts";
import { apartPath, type Cache, cacheApart, fixture, repository } from "../support/cache.ts";
import type { Image } from "../support/fixture.ts";

const { META, CATALOG } = env as unknown as Env;
const MINUTE = 60_000;
const RANDOM = `sha256:${"5".repeat(64)}`;
const ARM = { os: "linux", architecture: "arm64" };
const NO_INDEX = { Accept: "application/vnd.oci.image.manifest.v1+json" };

afterEach(() => vi.useRealTimers());

function later(time: number): void {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + time });
}

async function ask(cache: Cache, path: string, init: RequestInit = {}) {
  const response = await cache.fetch(`open/${path}`, init);
  await response.arrayBuffer();
  return { status: response.status, digest: response.headers.get("docker-content-digest") };
}

const head = (cache: Cache, path: string) => ask(cache, path, { method: "HEAD" });

async function index(name: string, seed: string, tag = "1") {
  const [amd, arm] = await Promise.all([
    fixture.image(name, undefined, { seed: `${seed}-amd` }),
    fixture.image(name, undefined, { seed: `${seed}-arm`, platform: ARM, layers: [2000] }),
  ]);
  return { ...(await fixture.index(name, tag, [amd, arm])), amd, arm };
}

async function removeAll(name: string, { digest, config, layers }: Image) {
  for (const one of [digest, config.digest, ...layers.map((layer) => layer.digest)])
    await fixture.remove(name, one);
}

const requestsOf = async (name: string) =>
  (await fixture.requests({ repository: name })).map(
    ({ method, reference }) => `${method} ${reference}`,
  );

describe("a tag that was only asked for by HEAD, then moved, and whose old digest is deleted", () => {
  async function looked(hint: string, fields: object = {}, overrides: object = {}) {
    const name = repository(hint);
    const was = await fixture.image(name, "1");
    const path = apartPath();
    const cache = cacheApart({ tagTtl: "1h", ...fields }, { ...overrides }, path);
    const other = cacheApart({ tagTtl: "1h", ...fields }, { ...overrides }, path);
    for (let at = 0; at < 3; at++) {
      expect(await head(cache, `${name}/manifests/1`)).toMatchObject({ digest: was.digest });
      expect(await head(other, `${name}/manifests/1`)).toMatchObject({ digest: was.digest });
    }
    const is = await fixture.image(name, "1", { seed: `${name}-2` });
    await removeAll(name, was);
    return { name, was, is, cache, other, tag: `${name}/manifests/1` };
  }
  type Looked = Awaited<ReturnType<typeof looked>>;

  const MISSED: { request: string; miss: (looked: Looked) => Promise<{ status: number }> }[] = [
    {
      request: "GET",
      miss: ({ cache, name, was }) => ask(cache, `${name}/manifests/${was.digest}`),
    },
    {
      request: "HEAD",
      miss: ({ cache, name, was }) => head(cache, `${name}/manifests/${was.digest}`),
    },
    {
      request: "GET elsewhere",
      miss: ({ other, name, was }) => ask(other, `${name}/manifests/${was.digest}`),
    },
  ];
  const KVS: { kv: string; overrides: object }[] = [
    { kv: "", overrides: {} },
    { kv: ", with a KV that lags", overrides: { META: laggingKv(META) } },
  ];
  it.each(MISSED.flatMap((missed) => KVS.map((kv) => ({ ...missed, ...kv }))))(
    "is checked again when $request of the old digest is 404$kv",
    async ({ request, miss, overrides }) => {
      const staged = await looked("looked", {}, overrides);
      const { tag, is, name } = staged;
      expect(await miss(staged)).toMatchObject({ status: 404 });
      for (const cache of [staged.cache, staged.other]) {
        expect(await head(cache, tag)).toEqual({ status: 200, digest: is.digest });
        const got = await ask(cache, `${name}/manifests/${is.digest}`);
        expect(got).toEqual({ status: 200, digest: is.digest });
        expect(await ask(cache, tag)).toEqual({ status: 200, digest: is.digest });
      }
      // The first HEAD, the miss (a HEAD's by a GET too) and the tag asked again: no more.
      expect((await requestsOf(name))[request === "HEAD" ? 3 : 2]).toBe("HEAD 1");
    },
  );

  it("may be one of several, which are all checked again", async () => {
    const { name, was, is, cache } = await looked("several");
    const again = repository("several-again");
    const tags = ["a", "b", "c"];
    await fixture.image(again, "x", { seed: name });
    for (const tag of tags) {
      await fixture.tag(again, tag, was.digest);
      expect(await head(cache, `${again}/manifests/${tag}`)).toMatchObject({ digest: was.digest });
    }
    await fixture.image(again, "x", { seed: `${name}-2` });
    for (const tag of tags) await fixture.tag(again, tag, is.digest);
    await fixture.remove(again, was.digest);
    expect(await ask(cache, `${again}/manifests/${was.digest}`)).toMatchObject({ status: 404 });
    for (const tag of tags)
      expect(await head(cache, `${again}/manifests/${tag}`)).toMatchObject({ digest: is.digest });
  });

  it.each([[false], [true]])(
    "and that was deleted is gone (keepDeleted: %s)",
    async (keepDeleted) => {
      const { name, was, cache, tag } = await looked("deleted", { keepDeleted });
      await fixture.remove(name, "1");
      expect(await ask(cache, `${name}/manifests/${was.digest}`)).toMatchObject({ status: 404 });
      expect(await head(cache, tag)).toMatchObject({ status: 404 });
      expect(await ask(cache, tag)).toMatchObject({ status: 404 });
    },
  );

  it("stays due for a check while the upstream fails, and is checked once it recovers", async () => {
    const { name, was, is, cache, tag } = await looked("doubted");
    const match = { repository: name, reference: "1" };
    const id = await fixture.fault({ match, times: 0, do: { status: 503 } });
    expect(await ask(cache, `${name}/manifests/${was.digest}`)).toMatchObject({ status: 404 });
    const stale = await cache.head(`open/${tag}`);
    expect(stale.headers.get("warning")).toContain("serving the tag as of");
    await fixture.heal({ id });
    later(MINUTE);
    expect(await head(cache, tag)).toEqual({ status: 200, digest: is.digest });
  });

  it("is checked again without the catalog", async () => {
    const away = {
      idFromName: () => "id",
      get: () => ({ leading: () => Promise.reject(new Error("away")) }),
    };
    const { name, was, is, cache, tag } = await looked("no-catalog");
    const path = apartPath();
    const blind = cacheApart({ tagTtl: "1h" }, { CATALOG: away }, path);
    await fixture.tag(name, "1", is.digest);
    expect((await head(blind, tag)).digest).toBe(is.digest);
    const third = await fixture.image(name, "1", { seed: `${name}-3` });
    await removeAll(name, is);
    expect(await ask(blind, `${name}/manifests/${is.digest}`)).toMatchObject({ status: 404 });
    expect(await head(blind, tag)).toEqual({ status: 200, digest: third.digest });
    expect([was, cache, CATALOG]).not.toContain(undefined);
  });

  it("that HEAD still reports is requested by GET, whose digest both then return", async () => {
    const { name, was, is, cache, tag } = await looked("head-lags");
    const digestHeader = was.digest;
    const match = { repository: name, method: "HEAD", reference: "1" };
    await fixture.fault({ match, times: 0, do: { digestHeader } });
    expect(await ask(cache, `${name}/manifests/${was.digest}`)).toMatchObject({ status: 404 });
    expect(await head(cache, tag)).toEqual({ status: 200, digest: is.digest });
    expect(await ask(cache, `${name}/manifests/${is.digest}`)).toMatchObject({ status: 200 });
  });

  it("that the upstream serves by tag only is served by digest too", async () => {
    const name = repository("by-tag-alone");
    const { digest } = await fixture.image(name, "1");
    const cache = cacheApart();
    expect(await head(cache, `${name}/manifests/1`)).toMatchObject({ digest });
    const match = { repository: name, reference: digest };
    await fixture.fault({ match, times: 0, do: { status: 404 } });
    expect(await ask(cache, `${name}/manifests/${digest}`)).toEqual({ status: 200, digest });
  });

  it("is checked again although it is immutable, since it is not cached", async () => {
    const { name, was, is, cache, tag } = await looked("immutable", { immutableTags: ["*"] });
    expect(await ask(cache, `${name}/manifests/${was.digest}`)).toMatchObject({ status: 404 });
    expect(await head(cache, tag)).toEqual({ status: 200, digest: is.digest });
  });
});

describe("a tag that moved while a part of its image was not cached", () => {
  /** amd64 is pulled; the tag moves; of arm64 nothing is left. */
  async function halfCached(hint: string, fields: object = {}, overrides: object = {}) {
    const name = repository(hint);
    const was = await index(name, `${name}-1`);
    const path = apartPath();
    const cache = cacheApart({ tagTtl: "1h", ...fields }, { ...overrides }, path);
    const other = cacheApart({ tagTtl: "1h", ...fields }, { ...overrides }, path);
    const amd = [
      `${name}/manifests/${was.amd.digest}`,
      `${name}/blobs/${was.amd.layers[0]?.digest}`,
    ];
    for (const one of [`${name}/manifests/1`, ...amd])
      expect(await ask(cache, one)).toMatchObject({ status: 200 });
    expect(await ask(other, `${name}/manifests/1`)).toMatchObject({ digest: was.digest });
    const is = await index(name, `${name}-2`);
    await fixture.remove(name, was.digest);
    await removeAll(name, was.arm);
    const tag = `${name}/manifests/1`;
    return { name, was, is, cache, other, amd, tag };
  }
  type Half = Awaited<ReturnType<typeof halfCached>>;

  it.each([
    {
      title: "GET",
      overrides: {},
      miss: (half: Half) => ask(half.cache, `${half.name}/manifests/${half.was.arm.digest}`),
    },
    {
      title: "HEAD",
      overrides: {},
      miss: (half: Half) => head(half.cache, `${half.name}/manifests/${half.was.arm.digest}`),
    },
    {
      title: "GET elsewhere",
      overrides: {},
      miss: (half: Half) => ask(half.other, `${half.name}/manifests/${half.was.arm.digest}`),
    },
    {
      title: "GET, with a KV that lags",
      overrides: { META: laggingKv(META) },
      miss: (half: Half) => ask(half.cache, `${half.name}/manifests/${half.was.arm.digest}`),
    },
  ] as const)(
    "$title of the child is 404, and the tag is checked again",
    async ({ overrides, miss }) => {
      const half = await halfCached("half", {}, overrides);
      const { cache, name, tag, is, amd } = half;
      expect(await miss(half)).toMatchObject({ status: 404 });
      for (const one of [cache, half.other]) {
        expect(await ask(one, tag)).toEqual({ status: 200, digest: is.digest });
        expect(await head(one, tag)).toEqual({ status: 200, digest: is.digest });
      }
      expect(await ask(cache, `${name}/manifests/${is.arm.digest}`)).toMatchObject({ status: 200 });
      // What is cached of the old image is served on.
      for (const one of amd) expect(await ask(cache, one)).toMatchObject({ status: 200 });
      expect((await requestsOf(name)).filter((one) => one === "HEAD 1")).toHaveLength(2);
    },
  );

  it("a client that accepts no index gets the child of the tag's new digest", async () => {
    const name = repository("half-chosen");
    const was = await index(name, `${name}-1`);
    const cache = cacheApart({ tagTtl: "1h" });
    expect(await ask(cache, `${name}/manifests/1`)).toMatchObject({ digest: was.digest });
    const is = await index(name, `${name}-2`);
    await removeAll(name, was.amd);
    const got = await ask(cache, `${name}/manifests/1`, { headers: NO_INDEX });
    expect(got).toEqual({ status: 200, digest: is.amd.digest });
  });

  it.each([
    {
      title: "a layer of a single image",
      method: "GET",
      part: (image: Image) => image.layers[0]?.digest,
    },
    {
      title: "a layer that HEAD asks for",
      method: "HEAD",
      part: (image: Image) => image.layers[0]?.digest,
    },
    { title: "its config", method: "GET", part: (image: Image) => image.config.digest },
  ])("$title", async ({ method, part }) => {
    const name = repository("half-blobs");
    const was = await fixture.image(name, "1");
    const cache = cacheApart({ tagTtl: "1h" });
    expect(await ask(cache, `${name}/manifests/1`)).toMatchObject({ digest: was.digest });
    const is = await fixture.image(name, "1", { seed: `${name}-2` });
    await removeAll(name, was);
    const missing = await ask(cache, `${name}/blobs/${part(was)}`, { method });
    expect(missing.status).toBe(404);
    expect(await ask(cache, `${name}/manifests/1`)).toMatchObject({ digest: is.digest });
    expect(await ask(cache, `${name}/manifests/${was.digest}`)).toMatchObject({ status: 200 });
  });

  it("a layer of a child", async () => {
    const { name, was, is, cache, tag } = await halfCached("half-layer");
    const config = `${name}/blobs/${was.amd.config.digest}`; // not pulled before
    await fixture.remove(name, was.amd.config.digest);
    expect(await ask(cache, config)).toMatchObject({ status: 404 });
    expect(await ask(cache, tag)).toMatchObject({ digest: is.digest });
  });

  it("an immutable tag is not checked", async () => {
    const { name, was, cache, tag } = await halfCached("half-immutable", { immutableTags: ["*"] });
    const missing = `${name}/manifests/${was.arm.digest}`;
    expect(await ask(cache, missing)).toMatchObject({ status: 404 });
    expect(await ask(cache, tag)).toMatchObject({ digest: was.digest });
  });
});

describe("the attack: missing content is requested over and over", () => {
  it("digests without a tag cause no check of a tag", async () => {
    const name = repository("random");
    await fixture.image(name, "1");
    const cache = cacheApart();
    await ask(cache, `${name}/manifests/1`);
    for (let at = 0; at < 20; at++) {
      const digest = RANDOM.slice(0, -2) + String(10 + at);
      await ask(cache, `${name}/${at % 2 ? "blobs" : "manifests"}/${digest}`);
    }
    expect((await requestsOf(name)).filter((one) => one === "HEAD 1")).toHaveLength(1);
  });

  it("missing children of an unchanged index cause one check of its tag", async () => {
    const name = repository("sparse");
    const image = await fixture.image(name, undefined);
    const missing = Array.from({ length: 8 }, (_, at) => ({
      ...image,
      digest: RANDOM.slice(0, -2) + String(10 + at),
    }));
    const { digest } = await fixture.index(name, "1", [image, ...missing]);
    const caches = [1, 2].map(() => apartPath()).slice(0, 1);
    const [path = ""] = caches;
    const isolates = [cacheApart({}, {}, path), cacheApart({}, {}, path)];
    for (let round = 0; round < 2; round++)
      for (const cache of isolates) {
        expect(await ask(cache, `${name}/manifests/1`)).toMatchObject({ digest });
        for (const child of missing)
          expect(await ask(cache, `${name}/manifests/${child.digest}`)).toMatchObject({
            status: 404,
          });
      }
    expect((await requestsOf(name)).filter((one) => one.endsWith(" 1"))).toEqual([
      "HEAD 1",
      "HEAD 1",
    ]);
    later(11_000);
    await ask(isolates[0] as Cache, `${name}/manifests/${missing[0]?.digest}`);
    expect((await requestsOf(name)).filter((one) => one.endsWith(" 1"))).toHaveLength(3);
  });
});
