// The images of the API: found, sorted and paged, and what one consists of.

import { env } from "cloudflare:workers";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { openCatalog } from "../../src/catalog/open.ts";
import type { Env } from "../../src/env.ts";
import { api, bearer, VIEWER } from "../support/access.ts";
import { fixture, repository } from "../support/cache.ts";
import type { Image } from "../support/fixture.ts";
import { manifestOf } from "../support/images.ts";
import { receive } from "../support/transfers.ts";
import { imagesOf, own, pulled } from "./image-caches.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

describe("the list", () => {
  const { rule, cache } = own();
  const names = Array.from({ length: 7 }, (_, at) => `${repository("listed")}-${at}`);
  const sizes = [500, 9_000, 500, 700, 500, 100, 500];
  const images: Image[] = [];

  beforeAll(async () => {
    for (const [at, name] of names.entries()) {
      const image = await fixture.image(name, "1.0", { layers: [sizes[at] as number] });
      images.push(image);
      await pulled(cache, rule, name, "1.0", image);
    }
    for (let at = 0; at < 3; at++) await cache.bytes(`${rule}/${names[3]}/manifests/1.0`);
    await cache.settled();
  });

  it("has each image with its name, tags, size and platforms", async () => {
    const { images: found, next } = await imagesOf(cache, `rule=${rule}`);
    expect(next).toBeUndefined();
    expect(new Set(found.map(({ name }) => name))).toEqual(
      new Set(names.map((name) => `${rule}/${name}`)),
    );
    const one = found.find(({ name }) => name === `${rule}/${names[1]}`);
    const image = images[1] as Image;
    expect(one).toMatchObject({ rule, digest: image.digest, tags: ["1.0"], pinned: false });
    expect(one?.size).toBe(image.bytes.byteLength + 9_000 + image.config.size);
  });

  it.each(["pulled", "cached", "name", "size", "pulls"])(
    "by %s, a page at a time, has each once, in the order of the whole",
    async (sort) => {
      for (const order of ["asc", "desc"]) {
        const base = `rule=${rule}&sort=${sort}&order=${order}`;
        const whole = (await imagesOf(cache, `${base}&n=200`)).images.map(({ name }) => name);
        expect(whole).toHaveLength(7);
        const paged: string[] = [];
        let cursor = "";
        for (let pages = 0; pages < 10; pages++) {
          const page = await imagesOf(cache, `${base}&n=2${cursor}`);
          paged.push(...page.images.map(({ name }) => name));
          if (page.next === undefined) break;
          cursor = `&cursor=${encodeURIComponent(page.next)}`;
        }
        expect(paged).toEqual(whole);
      }
    },
  );

  it("is sorted by the requested order", async () => {
    const first = async (sort: string) =>
      (await imagesOf(cache, `rule=${rule}&sort=${sort}`)).images[0];
    expect((await first("size"))?.name).toBe(`${rule}/${names[1]}`);
    expect((await first("pulls"))?.name).toBe(`${rule}/${names[3]}`);
    expect((await first("name"))?.name).toBe(`${rule}/${names.toSorted()[0]}`);
  });

  it("is searched by a part of a name, a tag, or the beginning of a digest", async () => {
    const found = async (q: string) =>
      (await imagesOf(cache, `q=${encodeURIComponent(q)}`)).images.map(({ name }) => name);
    const name = names[2] as string;
    for (const q of [
      name,
      name.toUpperCase(),
      `${rule}/${name}`,
      `${name}:1.0`,
      images[2]?.digest.slice(0, 20),
    ])
      expect([q, await found(q as string)]).toEqual([q, [`${rule}/${name}`]]);
    expect(await found("100%_nothing")).toEqual([]);
    expect(await imagesOf(cache, "rule=nothing")).toEqual({ images: [] });
  });

  it("takes no cursor of another sort or order", async () => {
    const { next } = await imagesOf(cache, `rule=${rule}&sort=name&n=2`);
    const cursor = `cursor=${encodeURIComponent(next as string)}`;
    for (const [by, status] of [
      ["name", 200],
      ["name&order=desc", 400],
      ["size", 400],
    ])
      expect([by, (await api(cache, "GET", `images?sort=${by}&${cursor}`)).status]).toEqual([
        by,
        status,
      ]);
  });

  it("refuses an invalid cursor, sort or order, and is for viewers too", async () => {
    for (const query of ["cursor=x", "sort=age", "order=up", "n=0", "what=1"])
      expect((await api(cache, "GET", `images?${query}`)).status).toBe(400);
    expect((await api(cache, "GET", "images", undefined, bearer(VIEWER))).status).toBe(200);
  });
});

describe("the platform of an image that is in no index", () => {
  async function single(config: object, more: object = {}) {
    const { rule, cache } = own();
    const name = repository("single");
    const blob = await fixture.blob(name, JSON.stringify(config));
    const manifest = { ...manifestOf("oci", blob, []), ...more };
    const { digest } = await fixture.manifest(name, manifest, { tag: "1" });
    await cache.bytes(`${rule}/${name}/manifests/1`);
    const listed = async () => {
      const { images } = await imagesOf(cache, `rule=${rule}`);
      await cache.settled();
      expect(images).toHaveLength(1);
      return images[0]?.platforms;
    };
    const pullConfig = () => receive(cache.fetch(`${rule}/${name}/blobs/${blob.digest}`));
    return { rule, cache, name, digest, listed, pullConfig };
  }

  it.each<[object, string[]]>([
    [{ os: "linux", architecture: "amd64" }, ["linux/amd64"]],
    [{ os: "linux", architecture: "arm", variant: "v7" }, ["linux/arm/v7"]],
    [{ os: "linux", architecture: "arm64", variant: "" }, ["linux/arm64"]],
    [{ os: "windows", architecture: "amd64", "os.version": "10.0.1" }, ["windows/amd64"]],
    [{ os: "wasip1", architecture: "wasm" }, ["wasip1/wasm"]],
    [{ os: "", architecture: "" }, []],
    [{ os: "linux" }, []],
    [{ os: ["linux"], architecture: { a: 1 } }, []],
    [{ os: "<b>\u001b[31m", architecture: "amd64" }, []],
    [{ name: "chart", version: "1" }, []],
  ])("is that of its config: %j", async (config, expected) => {
    const { cache, rule, name, listed, pullConfig } = await single(config);
    // Not here yet: not known, and not remembered as none.
    expect(await listed()).toEqual([]);
    await pullConfig();
    expect(await listed()).toEqual(expected);
    const query = `images/detail?reference=${rule}/${name}:1`;
    const { manifests } = (await (await api(cache, "GET", query)).json()) as {
      manifests: { platform?: string }[];
    };
    expect(manifests[0]?.platform).toBe(expected[0]);
  });

  it("is read once and remembered, also when there is none", async () => {
    for (const config of [{ os: "linux", architecture: "s390x" }, { a: 1 }]) {
      const { name, listed, pullConfig } = await single(config);
      const query = { parts: [name], places: [], sort: "name", descending: false, limit: 9 };
      const unread = async () => {
        const known = await openCatalog(env as unknown as Env).listed(query as never);
        return known?.map((one) => one.unread);
      };
      await listed();
      expect(await unread()).toEqual([true]);
      await pullConfig();
      const first = await listed();
      expect(await unread()).toEqual([undefined]);
      expect(await listed()).toEqual(first);
    }
  });

  it("is not read for an artifact", async () => {
    const config = { os: "linux", architecture: "amd64" };
    const { listed, pullConfig } = await single(config, { artifactType: "application/vnd.x" });
    await pullConfig();
    expect(await listed()).toEqual([]);
  });

  it("is that of an index's children, where the index names none", async () => {
    const { rule, cache } = own();
    const name = repository("nameless");
    const children: Image[] = [];
    for (const architecture of ["arm64", "amd64"])
      children.push(
        await fixture.image(name, undefined, {
          platform: { os: "linux", architecture },
          seed: `${name}-${architecture}`,
        }),
      );
    const named = children.map(({ digest, mediaType, size }) => ({ digest, mediaType, size }));
    await fixture.index(name, "1", named as never);
    await cache.bytes(`${rule}/${name}/manifests/1`);
    for (const image of children) {
      await cache.bytes(`${rule}/${name}/manifests/${image.digest}`);
      await receive(cache.fetch(`${rule}/${name}/blobs/${image.config.digest}`));
    }
    await cache.settled();
    for (let time = 0; time < 2; time++) {
      const { images: found } = await imagesOf(cache, `rule=${rule}`);
      expect(found.map(({ platforms }) => platforms)).toEqual([["linux/amd64", "linux/arm64"]]);
      await cache.settled();
    }
  });
});

describe("the detail", () => {
  it("has platforms, config, layers with the images that share them, tags with history, and referrers", async () => {
    const { rule, cache } = own();
    const name = repository("detail");
    const of = (architecture: string, layers: number[]) =>
      fixture.image(name, undefined, {
        platform: { os: "linux", architecture },
        layers,
        seed: name,
      });
    const amd = await of("amd64", [4_000, 100]);
    const arm = await of("arm64", [4_000, 200]);
    const before = await fixture.image(name, "1", { layers: [50], seed: `${name}-before` });
    await pulled(cache, rule, name, "1", before);
    const index = await fixture.index(name, "1", [amd, arm]);
    const referrer = await fixture.referrer(name, index, "application/vnd.example.sbom");
    await api(cache, "POST", `images/refresh?reference=${rule}/${name}:1`);
    for (const digest of [index.digest, amd.digest, referrer.digest])
      await cache.bytes(`${rule}/${name}/manifests/${digest}`);
    for (const { digest } of [amd.config, ...amd.layers])
      await receive(cache.fetch(`${rule}/${name}/blobs/${digest}`));
    await cache.settled();
    const response = await api(cache, "GET", `images/detail?reference=${rule}/${name}:1`);
    expect(response.status).toBe(200);
    const detail = (await response.json()) as {
      manifests: { digest: string; config?: object; layers?: object[] }[];
    };
    expect(detail).toMatchObject({
      name: `${rule}/${name}:1`,
      rule,
      digest: index.digest,
      tags: [{ tag: "1" }],
      history: [{ tag: "1", digest: before.digest }],
      pins: [],
      referrers: [{ digest: referrer.digest, artifactType: "application/vnd.example.sbom" }],
    });
    const [first, second] = detail.manifests;
    expect(first).toMatchObject({
      digest: amd.digest,
      platform: "linux/amd64",
      here: true,
      config: { digest: amd.config.digest, here: true, os: "linux", architecture: "amd64" },
      layers: [
        { digest: amd.layers[0]?.digest, size: 4_000, here: true },
        { digest: amd.layers[1]?.digest, size: 100, here: true },
      ],
    });
    expect(second).toMatchObject({ digest: arm.digest, platform: "linux/arm64", here: false });
    await cache.bytes(`${rule}/${name}/manifests/${arm.digest}`);
    await cache.settled();
    const shared = (await (
      await api(cache, "GET", `images/detail?reference=${rule}/${name}@${amd.digest}`)
    ).json()) as { partOf: string; manifests: { layers: { sharedBy: number }[] }[] };
    expect(shared.partOf).toBe(index.digest);
    expect(shared.manifests[0]?.layers.map(({ sharedBy }) => sharedBy)).toEqual([1, 0]);
  });

  it.each<[unknown, string | undefined]>([
    ["0001-01-01T00:00:00Z", undefined],
    ["1969-12-31T23:59:59Z", undefined],
    ["1970-01-01T00:00:00+02:00", undefined],
    ["the other day", undefined],
    [null, undefined],
    [0, undefined],
    ["1980-01-01T00:00:01Z", "1980-01-01T00:00:01Z"],
    ["2024-05-06T07:08:09.123456789Z", "2024-05-06T07:08:09.123456789Z"],
  ])("built at %j, says %j", async (created, text) => {
    const { rule, cache } = own();
    const name = repository("built");
    const config = await fixture.blob(name, JSON.stringify({ created, os: "linux" }));
    const manifest = manifestOf("oci", config, []);
    const { digest } = await fixture.manifest(name, manifest, { tag: "1" });
    await cache.bytes(`${rule}/${name}/manifests/1`);
    await receive(cache.fetch(`${rule}/${name}/blobs/${config.digest}`));
    await cache.settled();
    const reference = encodeURIComponent(`${rule}/${name}@${digest}`);
    const detail = await (await api(cache, "GET", `images/detail?reference=${reference}`)).json();
    const { manifests } = detail as { manifests: { config: { os: string; created?: string } }[] };
    expect(manifests[0]?.config.os).toBe("linux");
    expect(manifests[0]?.config.created).toBe(text);
  });

  it("has the names of environment variables, and not the values", async () => {
    const { rule, cache } = own();
    const name = repository("environment");
    const content = {
      os: "linux",
      config: { Env: ["PATH=/bin", "TOKEN=a-value-of-it"], Cmd: ["sh"], Labels: { a: "b" } },
    };
    const config = await fixture.blob(name, JSON.stringify(content));
    const manifest = await fixture.manifest(
      name,
      {
        schemaVersion: 2,
        mediaType: "application/vnd.oci.image.manifest.v1+json",
        config: { ...config, mediaType: "application/vnd.oci.image.config.v1+json" },
        layers: [],
      },
      { tag: "1" },
    );
    await cache.bytes(`${rule}/${name}/manifests/1`);
    await receive(cache.fetch(`${rule}/${name}/blobs/${config.digest}`));
    await cache.settled();
    const text = await (
      await api(cache, "GET", `images/detail?reference=${rule}/${name}@${manifest.digest}`)
    ).text();
    expect(JSON.parse(text).manifests[0].config).toMatchObject({
      environment: ["PATH", "TOKEN"],
      command: ["sh"],
      labels: { a: "b" },
    });
    expect(text).not.toContain("a-value-of-it");
  });

  it("of an image that is not cached or has no rule is 404; of an invalid reference 400", async () => {
    const { rule, cache } = own();
    for (const [reference, status] of [
      [`${rule}/nothing:1`, 404],
      [`${rule}/nothing@sha256:${"a".repeat(64)}`, 404],
      ["nowhere.example/x:1", 404],
      ["NO image", 400],
    ])
      for (const [method, path] of [
        ["GET", "images/detail"],
        ["DELETE", "images"],
      ] as const)
        expect([
          reference,
          method,
          (await api(cache, method, `${path}?reference=${encodeURIComponent(reference as string)}`))
            .status,
        ]).toEqual([reference, method, status]);
  });
});
