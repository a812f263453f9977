// Manifests: what a tag means, which bytes and media type are served, and what a client without indexes gets.

import { describe, expect, it } from "vitest";
import { Cache, fixture, repository } from "../support/cache.ts";
import { TYPES } from "../support/fixture.ts";

const cache = new Cache();
const brief = { RULES: [{ prefix: "open", upstream: fixture.url("open"), tagTtl: "1ms" }] };

async function platforms(name: string, format: "oci" | "docker" = "oci") {
  const amd64 = await fixture.image(name, undefined, { seed: `${name}-amd64`, format });
  const arm64 = await fixture.image(name, undefined, {
    seed: `${name}-arm64`,
    platform: { os: "linux", architecture: "arm64" },
    format,
  });
  return { amd64, arm64, index: await fixture.index(name, "1", [arm64, amd64], format) };
}

describe("the linux/amd64 child of an index", () => {
  it.each([
    {
      title: "to a client that accepts manifests only",
      accept: `${TYPES.oci.manifest}, ${TYPES.docker.manifest}`,
      child: true,
    },
    {
      title: "not to one that accepts Docker's lists",
      accept: `${TYPES.docker.manifest}, ${TYPES.docker.index}`,
      child: false,
    },
    { title: "not to one that accepts anything", accept: "*/*", child: false },
    { title: "not to one that says nothing", accept: undefined, child: false },
  ])("$title", async ({ accept, child }) => {
    const name = repository("negotiated");
    const { amd64, index } = await platforms(name);
    const headers: Record<string, string> = accept === undefined ? {} : { Accept: accept };
    for (const method of ["HEAD", "GET", "HEAD"]) {
      const response = await cache.fetch(`open/${name}/manifests/1`, { method, headers });
      await response.arrayBuffer();
      expect(response.headers.get("docker-content-digest")).toBe((child ? amd64 : index).digest);
      expect(response.headers.get("content-type")).toBe(
        child ? TYPES.oci.manifest : TYPES.oci.index,
      );
      expect(response.headers.get("vary")).toBe("Accept");
    }
  });

  it("only by tag: a digest returns its own bytes", async () => {
    const name = repository("by-digest");
    const { index } = await platforms(name, "docker");
    const response = await cache.fetch(`open/${name}/manifests/${index.digest}`, {
      headers: { Accept: TYPES.docker.manifest },
    });
    expect(response.headers.get("docker-content-digest")).toBe(index.digest);
  });

  it("is 404 where there is none", async () => {
    const name = repository("no-amd64");
    const arm64 = await fixture.image(name, undefined, {
      platform: { os: "linux", architecture: "arm64" },
    });
    await fixture.index(name, "1", [arm64]);
    const response = await cache.fetch(`open/${name}/manifests/1`, {
      headers: { Accept: TYPES.oci.manifest },
    });
    expect(response.status).toBe(404);
    expect(await response.text()).toContain("MANIFEST_UNKNOWN");
  });
});

it.each([
  {
    title: "a Helm chart",
    body: { schemaVersion: 2, config: { mediaType: "application/vnd.cncf.helm.config.v1+json" } },
    mediaType: TYPES.oci.manifest,
  },
  {
    title: "an unheard-of type",
    body: { schemaVersion: 2, mediaType: "application/vnd.example.thing.v7+json" },
    mediaType: "application/vnd.example.thing.v7+json",
  },
])("$title is passed on as it is", async ({ body, mediaType }) => {
  const name = repository("artifact");
  const pushed = await fixture.manifest(name, body, { tag: "1" });
  const response = await cache.fetch(`open/${name}/manifests/1`);
  expect(response.headers.get("content-type")).toBe(mediaType);
  expect(new Uint8Array(await response.arrayBuffer())).toEqual(pushed.bytes);
});

describe("a tag's check", () => {
  it("costs one HEAD, and no GET when the digest is unchanged", async () => {
    const name = repository("checked");
    await fixture.image(name, "1");
    const impatient = new Cache(brief);
    for (let at = 0; at < 3; at++) {
      await impatient.bytes(`open/${name}/manifests/1`);
      await new Promise((resolve) => setTimeout(resolve, 3)); // the rule's tagTtl is a millisecond
    }
    const methods = (await fixture.requests({ repository: name })).map(({ method }) => method);
    expect(methods).toEqual(["HEAD", "GET", "HEAD", "HEAD"]);
  });

  it("finds where the tag has moved", async () => {
    const name = repository("moved");
    await fixture.image(name, "1");
    const impatient = new Cache(brief);
    await impatient.bytes(`open/${name}/manifests/1`);
    const moved = await fixture.image(name, "1", { seed: `${name}-2` });
    await new Promise((resolve) => setTimeout(resolve, 3)); // as above
    expect(await impatient.bytes(`open/${name}/manifests/1`)).toEqual(moved.bytes);
  });

  it("is not made within the rule's tagTtl", async () => {
    const name = repository("fresh");
    const { bytes } = await fixture.image(name, "1");
    await cache.bytes(`open/${name}/manifests/1`);
    await fixture.image(name, "1", { seed: `${name}-2` });
    expect(await cache.bytes(`open/${name}/manifests/1`)).toEqual(bytes);
  });

  it.each([
    ["refuses HEAD", { status: 405 }],
    ["guards HEAD alone", { status: 401 }],
    ["names no digest", { omitDigest: true }],
    ["names no digest that can be", { digestHeader: "sha256:none" }],
    ["names a digest that it does not have", { digestHeader: `sha256:${"a".repeat(64)}` }],
  ] as const)("goes by GET where the upstream %s", async (_, fault) => {
    const name = repository("deficient");
    const { bytes, digest } = await fixture.image(name, "1");
    await fixture.fault({ match: { repository: name, method: "HEAD" }, times: 0, do: fault });
    const response = await cache.fetch(`open/${name}/manifests/1`);
    expect(response.headers.get("docker-content-digest")).toBe(digest);
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(bytes);
    const gets = await fixture.requests({ repository: name, method: "GET" });
    expect(gets.filter(({ status }) => status === 200)).toHaveLength(1);
  });
});

describe("HEAD", () => {
  it("of uncached content sends a HEAD upstream, and fetches nothing", async () => {
    const name = repository("headed");
    const image = await fixture.image(name, "1", { layers: [500] });
    const blob = image.layers[0]?.digest as string;
    for (const path of [`manifests/1`, `manifests/${image.digest}`, `blobs/${blob}`]) {
      const response = await cache.head(`open/${name}/${path}`);
      expect(response.status).toBe(200);
      const size = path.startsWith("blobs") ? 500 : image.size;
      expect(response.headers.get("content-length")).toBe(String(size));
    }
    const methods = (await fixture.requests({ repository: name })).map(({ method }) => method);
    expect(methods).toEqual(["HEAD", "HEAD", "HEAD"]);
  });

  it("of a blob whose upstream refuses HEAD asks for its first byte", async () => {
    const name = repository("headless");
    const { digest } = await fixture.blob(name, { seed: 77, size: 12345 });
    await fixture.fault({
      match: { repository: name, method: "HEAD" },
      times: 0,
      do: { status: 401 },
    });
    const response = await cache.head(`open/${name}/blobs/${digest}`);
    expect(response.headers.get("content-length")).toBe("12345");
    const [get] = await fixture.requests({ repository: name, method: "GET" });
    expect(get?.range).toBe("bytes=0-0");
  });

  it("of what the upstream does not have is 404", async () => {
    const name = repository("nothing");
    await fixture.image(name, "1");
    const digest = `sha256:${"b".repeat(64)}`;
    for (const path of ["manifests/none", `manifests/${digest}`, `blobs/${digest}`]) {
      expect((await cache.head(`open/${name}/${path}`)).status).toBe(404);
    }
  });
});
