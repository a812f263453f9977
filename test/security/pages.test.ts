// An upstream's content on the origin of the console: never a page, and never another type for one repository because of another's header.

import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { Env } from "../../src/env.ts";
import { apartPath, Cache, fixture, repository } from "../support/cache.ts";
import { TYPES } from "../support/fixture.ts";
import { receive } from "../support/transfers.ts";

const { BLOBS, META } = env as unknown as Env;
const cache = new Cache();

const XHTML = '<html xmlns="http://www.w3.org/1999/xhtml"><script>alert(1)</script></html>';

async function stored(): Promise<string[]> {
  const [r2, kv] = await Promise.all([
    BLOBS.list({ prefix: "manifests/" }),
    META.list({ prefix: "manifest:" }),
  ]);
  return [...r2.objects.map(({ key }) => key), ...kv.keys.map(({ name }) => name)];
}

describe("what is no manifest is refused with the reason, and not kept", () => {
  it.each<{ title: string; body: string; mediaType: string }>([
    { title: "XHTML with a script", body: XHTML, mediaType: "application/xhtml+xml" },
    {
      title: "a picture with a script",
      body: "<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>",
      mediaType: "image/svg+xml",
    },
    {
      title: "JSON that names a page's type",
      body: '{"schemaVersion":2,"mediaType":"text/html"}',
      mediaType: "text/html",
    },
    { title: "a list", body: "[]", mediaType: "application/json" },
    {
      title: "an image that is an index too",
      body: '{"schemaVersion":2,"config":{},"layers":[],"manifests":[]}',
      mediaType: TYPES.oci.manifest,
    },
    {
      title: "an index whose other client sees layers",
      body: '{"schemaVersion":2,"manifests":[],"Layers":[]}',
      mediaType: TYPES.oci.index,
    },
  ])("$title", async ({ body, mediaType }) => {
    const name = repository("page");
    const { digest } = await fixture.manifest(name, body, { tag: "1", mediaType });
    for (const reference of ["1", digest]) {
      const response = await cache.fetch(`open/${name}/manifests/${reference}`);
      const text = await response.text();
      expect([reference, response.status]).toEqual([reference, 502]);
      expect(response.headers.get("content-type")).toBe("application/json");
      expect(JSON.parse(text).errors[0].message).toContain("not a manifest");
    }
    await cache.settled();
    expect((await stored()).filter((key) => key.includes(digest.slice(7)))).toEqual([]);
  });

  it("a HEAD tells no type that a browser renders", async () => {
    const name = repository("page-head");
    const { digest } = await fixture.manifest(name, XHTML, {
      tag: "1",
      mediaType: "application/xhtml+xml",
    });
    for (const reference of ["1", digest]) {
      const { status, headers } = await cache.head(`open/${name}/manifests/${reference}`);
      expect([status, headers.get("content-type")]).not.toEqual([200, "application/xhtml+xml"]);
    }
  });
});

describe("bytes without a mediaType", () => {
  const SHAPES = [
    {
      body: { schemaVersion: 2, config: { digest: `sha256:${"1".repeat(64)}` }, layers: [] },
      expected: TYPES.oci.manifest,
    },
    { body: { schemaVersion: 2, manifests: [] }, expected: TYPES.oci.index },
  ] as const;
  const CONTENT_TYPES = [
    TYPES.oci.index,
    TYPES.oci.manifest,
    "image/svg+xml",
    "application/vnd.invented+json",
    "text/html",
  ];

  it.each(
    SHAPES.flatMap(({ body, expected }) =>
      CONTENT_TYPES.map((contentType) => ({ contentType, expected, body })),
    ),
  )(
    "that are sent as $contentType are served as $expected, first and under every other rule",
    async ({ contentType, expected, body }) => {
      const path = apartPath();
      const rules = ["one", "two"].map((prefix) => ({
        prefix,
        upstream: fixture.url("open") + path + prefix,
      }));
      const own = new Cache({ RULES: rules });
      const name = repository("typed");
      const { digest } = await fixture.manifest(
        name,
        { ...body, annotations: { name } },
        { tag: "1" },
      );
      await fixture.fault({
        match: { repository: name },
        times: 0,
        do: { headers: { "content-type": contentType } },
      });
      for (const prefix of ["one", "two"])
        for (const reference of [digest, "1"]) {
          const response = await own.fetch(`${prefix}/${name}/manifests/${reference}`);
          await response.arrayBuffer();
          expect([response.status, response.headers.get("content-type")]).toEqual([200, expected]);
        }
    },
  );

  it("that an earlier version stored with an upstream's word for their type heal by being read", async () => {
    const name = repository("healed");
    const { digest, bytes } = await fixture.manifest(
      name,
      { schemaVersion: 2, manifests: [], annotations: { name } },
      { tag: "1" },
    );
    await receive(cache.fetch(`open/${name}/manifests/${digest}`));
    await cache.settled();
    const key = `manifests/${digest.replace(":", "/")}`;
    const wrong = "image/svg+xml";
    await BLOBS.put(key, bytes, { httpMetadata: { contentType: wrong } });
    await META.put(`manifest:${digest}`, bytes, { metadata: { mediaType: wrong } });
    for (const host of ["from-kv.example", "from-r2.example"]) {
      if (host === "from-r2.example") await META.delete(`manifest:${digest}`);
      const response = await new Cache().fetch(`open/${name}/manifests/${digest}`, {}, host);
      await response.arrayBuffer();
      expect([host, response.headers.get("content-type")]).toEqual([host, TYPES.oci.index]);
    }
  });

  it("and what an earlier version stored that is no manifest is served no more", async () => {
    const name = repository("page-stored");
    const { digest } = await fixture.manifest(name, XHTML, { mediaType: "application/xhtml+xml" });
    const bytes = new TextEncoder().encode(XHTML);
    await BLOBS.put(`manifests/${digest.replace(":", "/")}`, bytes, {
      httpMetadata: { contentType: "application/xhtml+xml" },
    });
    await META.put(`manifest:${digest}`, bytes, {
      metadata: { mediaType: "application/xhtml+xml" },
    });
    const response = await new Cache().fetch(
      `open/${name}/manifests/${digest}`,
      {},
      "stored.example",
    );
    expect(response.status).toBe(502);
    expect(await response.text()).not.toContain("<script>");
  });
});

it("every answer under /v2/ is sandboxed, also errors, parts and conditions", async () => {
  const name = repository("sandboxed");
  const image = await fixture.image(name, "1");
  const blob = `open/${name}/blobs/${image.layers[0]?.digest}`;
  const requests: [string, RequestInit?][] = [
    [""],
    [`open/${name}/manifests/1`],
    [`open/${name}/manifests/${image.digest}`, { method: "HEAD" }],
    [`open/${name}/manifests/1`, { headers: { "If-None-Match": "*" } }],
    [blob],
    [blob, { headers: { Range: "bytes=0-1" } }],
    [blob, { headers: { Range: "bytes=999999-" } }],
    [`open/${name}/tags/list`],
    [`open/${name}/referrers/${image.digest}`],
    [`open/${name}/manifests/none`],
    ["no-rule/x/manifests/1"],
    ["%zz"],
    [`open/${name}/manifests/1`, { method: "PUT" }],
    ["_catalog"],
  ];
  for (const [path, init] of requests) {
    const response = await cache.fetch(path, init);
    await response.arrayBuffer();
    const { headers } = response;
    expect([path, headers.get("content-security-policy")]).toEqual([
      path,
      "default-src 'none'; sandbox",
    ]);
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("cross-origin-resource-policy")).toBe("same-origin");
  }
  const broken = new Cache({ RULES: "not a list" });
  const response = await broken.fetch("open/x/manifests/1");
  expect([response.status, response.headers.get("content-security-policy")]).toEqual([
    500,
    "default-src 'none'; sandbox",
  ]);
});
