// The headers of every kind of answer, by GET and by HEAD.

import { beforeAll, describe, expect, it } from "vitest";
import { Cache, fixture, repository } from "../support/cache.ts";
import { type Image, TYPES } from "../support/fixture.ts";

const cache = new Cache();
/** Of what is pulled without credentials: a shared cache may keep it, no longer than a quarantine takes to hold. */
const SHARED = "public, max-age=60, no-transform";
const ASK_AGAIN = "no-cache, no-transform";

const name = repository("headers");
let image: Image;
let blob: { digest: string; size: number };
beforeAll(async () => {
  image = await fixture.image(name, "1", { layers: [1000] });
  blob = image.layers[0] as typeof blob;
});

/** Those that clients and caches rely on; null where there is none. */
function headersOf({ headers }: Response): Record<string, string | null> {
  const names = [
    "content-type",
    "content-length",
    "docker-content-digest",
    "etag",
    "docker-distribution-api-version",
    "cache-control",
    "vary",
    "accept-ranges",
    "content-range",
    "content-encoding",
    "x-content-type-options",
    "content-security-policy",
    "cross-origin-resource-policy",
  ];
  return Object.fromEntries(names.map((header) => [header, headers.get(header)]));
}

const common = {
  "x-content-type-options": "nosniff",
  "content-security-policy": "default-src 'none'; sandbox",
  "cross-origin-resource-policy": "same-origin",
  "docker-distribution-api-version": "registry/2.0",
  "content-encoding": null,
  "content-range": null,
  "accept-ranges": null,
  vary: null,
};
const ofManifest = () => ({
  ...common,
  "content-type": TYPES.oci.manifest,
  "content-length": String(image.bytes.length),
  "docker-content-digest": image.digest,
  etag: `"${image.digest}"`,
});
const ofBlob = () => ({
  ...common,
  "content-type": "application/octet-stream",
  "content-length": "1000",
  "docker-content-digest": blob.digest,
  etag: `"${blob.digest}"`,
  "cache-control": SHARED,
  "accept-ranges": "bytes",
});

describe.each(["cold", "warm"])("%s", (state) => {
  /** A cold one is asked for by HEAD first: a HEAD must not warm what GET then tells of. */
  const methods = state === "cold" ? ["HEAD", "GET"] : ["GET", "HEAD"];

  it.each(methods)("a manifest by tag: %s", async (method) => {
    const response = await cache.fetch(`open/${name}/manifests/1`, { method });
    const body = await response.arrayBuffer();
    expect(response.status).toBe(200);
    expect(body.byteLength).toBe(method === "HEAD" ? 0 : image.bytes.length);
    expect(headersOf(response)).toEqual({
      ...ofManifest(),
      "cache-control": ASK_AGAIN,
      vary: "Accept",
    });
  });

  it.each(methods)("a manifest by digest: %s", async (method) => {
    const response = await cache.fetch(`open/${name}/manifests/${image.digest}`, { method });
    await response.arrayBuffer();
    expect(response.status).toBe(200);
    expect(headersOf(response)).toEqual({ ...ofManifest(), "cache-control": SHARED });
  });

  it.each(methods)("a blob: %s", async (method) => {
    const response = await cache.fetch(`open/${name}/blobs/${blob.digest}`, { method });
    const body = await response.arrayBuffer();
    expect(response.status).toBe(200);
    expect(body.byteLength).toBe(method === "HEAD" ? 0 : 1000);
    expect(headersOf(response)).toEqual(ofBlob());
  });

  it("a part of a blob", async () => {
    const other = repository("part");
    const { digest } = await fixture.blob(other, crypto.randomUUID().repeat(10));
    const path = `open/${other}/blobs/${digest}`;
    if (state === "warm") await cache.bytes(path);
    const response = await cache.fetch(path, { headers: { Range: "bytes=10-19" } });
    expect(response.status).toBe(206);
    expect((await response.arrayBuffer()).byteLength).toBe(10);
    expect(headersOf(response)).toEqual({
      ...ofBlob(),
      "docker-content-digest": digest,
      etag: `"${digest}"`,
      "content-length": "10",
      "content-range": "bytes 10-19/360",
    });
  });
});

describe("HEAD and GET agree on the Content-Type", () => {
  it.each(["manifests/1", "digest"])(
    "that the upstream gives with a parameter: %s",
    async (path) => {
      const own = repository("parameter");
      const bare = { schemaVersion: 2, config: {}, layers: [] }; // no mediaType: the header decides
      const { digest } = await fixture.manifest(own, bare, { tag: "1" });
      const headers = { "content-type": `${TYPES.oci.manifest}; charset=utf-8` };
      await fixture.fault({ match: { repository: own }, times: 0, do: { headers } });
      const target = `open/${own}/${path === "digest" ? `manifests/${digest}` : path}`;
      const head = await cache.head(target);
      const get = await cache.fetch(target);
      await get.arrayBuffer();
      expect(get.headers.get("content-type")).toBe(TYPES.oci.manifest);
      expect(head.headers.get("content-type")).toBe(TYPES.oci.manifest);
    },
  );
});

describe("content behind credentials is private", () => {
  it.each(["manifests/1", "digest", "blob"])("%s", async (kind) => {
    const own = repository("private");
    const locked = await fixture.image(own, "1");
    const paths: Record<string, string> = {
      digest: `manifests/${locked.digest}`,
      blob: `blobs/${locked.layers[0]?.digest}`,
    };
    const response = await cache.fetch(`basic/${own}/${paths[kind] ?? kind}`);
    await response.arrayBuffer();
    expect(response.status).toBe(200);
    expect(response.headers.get("cache-control")).toBe(
      kind === "manifests/1" ? ASK_AGAIN : "private, max-age=31536000, immutable, no-transform",
    );
  });
});

describe("Cache-Status tells", () => {
  const statusOf = async (path: string, init?: RequestInit) => {
    const response = await cache.fetch(path, init);
    await response.arrayBuffer();
    return response.headers.get("cache-status");
  };

  it.each(["manifests", "blobs"])("a fetch, and then a hit: %s", async (kind) => {
    const own = repository("status");
    const { digest, layers } = await fixture.image(own, "1");
    const path = `open/${own}/${kind}/${kind === "blobs" ? layers[0]?.digest : digest}`;
    expect(await statusOf(path, { method: "HEAD" })).toBe("entrepot; fwd=uri-miss");
    expect(await statusOf(path)).toBe("entrepot; fwd=uri-miss; stored");
    const near = "entrepot-memory; hit";
    const far = /^entrepot-(r2|edge); hit$/;
    expect(await statusOf(path)).toMatch(kind === "blobs" ? far : near);
    expect(await statusOf(path, { method: "HEAD" })).toBe(near);
  });

  it("a tag that was looked up, and then a hit", async () => {
    const own = repository("status");
    await fixture.image(own, "1");
    expect(await statusOf(`open/${own}/manifests/1`)).toMatch(/^entrepot; fwd=uri-miss/);
    expect(await statusOf(`open/${own}/manifests/1`)).toBe("entrepot-memory; hit");
  });

  it("a list, fetched and found", async () => {
    for (const list of ["tags/list", `referrers/${image.digest}`]) {
      expect(await statusOf(`open/${name}/${list}`)).toBe("entrepot; fwd=uri-miss; stored");
      expect(await statusOf(`open/${name}/${list}`)).toBe("entrepot-kv; hit");
    }
  });

  it("an upstream's refusal", async () => {
    const missing = `open/${name}/blobs/sha256:${"0".repeat(64)}`;
    expect(await statusOf(missing)).toBe("entrepot; fwd=uri-miss; fwd-status=404");
  });
});
