// Conditional requests: what a client has already (RFC 9110, 13).

import { beforeAll, describe, expect, it } from "vitest";
import { matchesEtag } from "../../src/http/shared/respond.ts";
import { Cache, fixture, repository } from "../support/cache.ts";

const cache = new Cache();
const D = `sha256:${"d".repeat(64)}`;

describe("If-None-Match", () => {
  it.each<{ title: string; header: string | null; expected: boolean }>([
    { title: "absent", header: null, expected: false },
    { title: "the digest, quoted", header: `"${D}"`, expected: true },
    { title: "weak", header: `W/"${D}"`, expected: true },
    { title: "anything", header: "*", expected: true },
    { title: "a list that has it", header: `"x", W/"y","${D}"`, expected: true },
    { title: "a list that has not", header: '"x", "y"', expected: false },
    { title: "the digest without quotes", header: D, expected: false },
    { title: "half of it", header: `"${D.slice(0, 20)}"`, expected: false },
    { title: "another", header: `"${D.replace("d", "e")}"`, expected: false },
    { title: "nothing", header: "", expected: false },
  ])("$title", ({ header, expected }) => {
    expect(matchesEtag(header, D)).toBe(expected);
  });
});

describe("304", () => {
  const name = repository("known");
  const paths: Record<string, string> = {};
  const digests: Record<string, string> = {};
  beforeAll(async () => {
    const { digest, layers } = await fixture.image(name, "1");
    const [layer] = layers;
    Object.assign(paths, {
      tag: "manifests/1",
      manifest: `manifests/${digest}`,
      blob: `blobs/${layer?.digest}`,
    });
    Object.assign(digests, { tag: digest, manifest: digest, blob: layer?.digest });
  });
  const ask = (kind: string, condition: string, method = "GET") =>
    cache.fetch(`open/${name}/${paths[kind]}`, { method, headers: { "If-None-Match": condition } });

  it.each(["tag", "manifest", "blob"])("for a client that has it: %s", async (kind) => {
    const etag = `"${digests[kind]}"`;
    for (const [condition, method] of [
      [etag, "GET"],
      ["*", "GET"],
      [`"x", W/${etag}`, "HEAD"],
    ] as const) {
      const response = await ask(kind, condition, method);
      expect(response.status).toBe(304);
      expect((await response.arrayBuffer()).byteLength).toBe(0);
      const { headers } = response;
      expect(headers.get("etag")).toBe(etag);
      expect(headers.get("docker-content-digest")).toBe(digests[kind]);
      expect(headers.get("docker-distribution-api-version")).toBe("registry/2.0");
      expect(headers.get("content-length")).toBeNull();
      expect(headers.get("content-type")).toBeNull();
    }
  });

  // "The server generating a 304 response MUST generate any of the following header fields that would have been sent
  // in a 200 response to the same request: Content-Location, Date, ETag, and Vary" (15.4.5).
  it.each(["tag", "manifest", "blob"])(
    "says how it may be cached, as 200 does: %s",
    async (kind) => {
      const full = await cache.fetch(`open/${name}/${paths[kind]}`);
      await full.arrayBuffer();
      const { headers } = await ask(kind, "*");
      expect(headers.get("cache-control")).toBe(full.headers.get("cache-control"));
      expect(headers.get("vary")).toBe(full.headers.get("vary"));
    },
  );

  it.each(["tag", "manifest", "blob"])("not for a client that has another: %s", async (kind) => {
    const response = await ask(kind, '"sha256:other"');
    expect(response.status).toBe(200);
    expect((await response.arrayBuffer()).byteLength).toBeGreaterThan(0);
  });

  it("not for what is not there", async () => {
    const missing = { headers: { "If-None-Match": "*" } };
    for (const path of ["manifests/none", `manifests/${D}`, `blobs/${D}`]) {
      expect((await cache.fetch(`open/${name}/${path}`, missing)).status).toBe(404);
    }
  });

  it("of a blob that is not here asks the upstream's HEAD alone", async () => {
    const own = repository("cold-known");
    const { digest } = await fixture.blob(own, crypto.randomUUID());
    const headers = { "If-None-Match": `"${digest}"` };
    const response = await cache.fetch(`open/${own}/blobs/${digest}`, { headers });
    expect(response.status).toBe(304);
    expect(await fixture.requests({ repository: own })).toMatchObject([{ method: "HEAD" }]);
  });
});

describe("If-Range", () => {
  const name = repository("if-range");
  let digest = "";
  beforeAll(async () => {
    ({ digest } = await fixture.blob(name, "x".repeat(100)));
  });

  it.each<{ title: string; condition: () => string; status: number }>([
    { title: "the blob's own", condition: () => `"${digest}"`, status: 206 },
    { title: "another's", condition: () => `"${D}"`, status: 200 },
    { title: "weak, which may not be compared", condition: () => `W/"${digest}"`, status: 200 },
    { title: "without quotes", condition: () => digest, status: 200 },
    {
      title: "a date, of which there is none",
      condition: () => "Wed, 21 Oct 2026 07:28:00 GMT",
      status: 200,
    },
  ])("is $title", async ({ condition, status }) => {
    const headers = { Range: "bytes=10-19", "If-Range": condition() };
    const response = await cache.fetch(`open/${name}/blobs/${digest}`, { headers });
    expect(response.status).toBe(status);
    expect((await response.arrayBuffer()).byteLength).toBe(status === 206 ? 10 : 100);
  });
});

describe("Range", () => {
  const name = repository("range");
  let digest = "";
  beforeAll(async () => {
    ({ digest } = await fixture.blob(name, "0123456789"));
  });
  const ask = (range: string, method = "GET") =>
    cache.fetch(`open/${name}/blobs/${digest}`, { method, headers: { Range: range } });

  it.each([
    { range: "bytes=0-0", status: 206, content: "0" },
    { range: "bytes=8-", status: 206, content: "89" },
    { range: "bytes=-3", status: 206, content: "789" },
    { range: "bytes=5-100", status: 206, content: "56789" },
    { range: "bytes=0-1,5-6", status: 200, content: "0123456789" },
    { range: "items=0-1", status: 200, content: "0123456789" },
  ])("$range is answered with $status", async ({ range, status, content }) => {
    const response = await ask(range);
    expect(await response.text()).toBe(content);
    expect(response.status).toBe(status);
    expect(response.headers.get("content-length")).toBe(String(content.length));
  });

  it("that there is not is 416, with the size", async () => {
    const response = await ask("bytes=10-");
    expect(response.status).toBe(416);
    expect(response.headers.get("content-range")).toBe("bytes */10");
    expect(await response.json()).toMatchObject({ errors: [{ code: "RANGE_INVALID" }] });
  });

  it("means nothing to HEAD, nor to manifests", async () => {
    const head = await ask("bytes=0-1", "HEAD");
    expect([head.status, head.headers.get("content-length")]).toEqual([200, "10"]);
    await fixture.image(name, "1");
    const manifest = await cache.fetch(`open/${name}/manifests/1`, {
      headers: { Range: "bytes=0-1" },
    });
    expect(manifest.status).toBe(200);
    expect((await manifest.arrayBuffer()).byteLength).toBeGreaterThan(2);
  });
});
