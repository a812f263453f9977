// What lies between an upstream and its bytes: compression, bodies without a length, bytes behind the end, addresses that are good once.

import { afterEach, describe, expect, it, vi } from "vitest";
import type { Digest } from "../../src/oci/digest.ts";
import type { Source } from "../../src/policy/source.ts";
import type { Pull } from "../../src/pull/pull.ts";
import { Segments } from "../../src/pull/segments.ts";
import type { PullServices } from "../../src/pull/services.ts";
import { type Cache, cacheApart, fixture, repository } from "../support/cache.ts";
import { bytes, type Fault, TYPES } from "../support/fixture.ts";

afterEach(() => vi.useRealTimers());

const MiB = 1024 * 1024;
const LIMIT = 4 * MiB;
const SEGMENT = 8 * MiB;

async function ask(
  cache: Cache,
  path: string,
  method = "GET",
  headers: Record<string, string> = {},
) {
  const response = await cache.fetch(path, { method, headers });
  const get = (name: string) => response.headers.get(name);
  const body = await response.arrayBuffer().then(
    (buffer) => new Uint8Array(buffer),
    () => undefined,
  );
  const code = /"code": ?"(\w+)"/.exec(new TextDecoder().decode(body?.subarray(0, 500)))?.[1];
  return { status: response.status, body, code, length: get("content-length"), get };
}

async function digestOf(content: Uint8Array): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  return `sha256:${[...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

async function every(name: string, fault: Fault, match: object = {}): Promise<void> {
  await fixture.fault({ match: { repository: name, ...match }, times: 0, do: fault });
}

/** A manifest of exactly that many bytes. */
async function padded(name: string, size: number, tag?: string) {
  const text = JSON.stringify({
    schemaVersion: 2,
    mediaType: TYPES.oci.manifest,
    annotations: { name, tag },
  });
  return fixture.manifest(name, text.padEnd(size, " "), { mediaType: TYPES.oci.manifest, tag });
}

async function gzipped(content: Uint8Array): Promise<Uint8Array> {
  const stream = new Response(content as BufferSource).body?.pipeThrough(
    new CompressionStream("gzip"),
  );
  return new Uint8Array(await new Response(stream as ReadableStream).arrayBuffer());
}

describe.each<[string, Fault, string]>([
  ["with its length", {}, "told"],
  ["chunked", { chunked: true }, "untold"],
  ["compressed on the way", { gzip: "whole" }, "untold"],
  ["compressed where it is stored", { gzip: "ranges" }, "untold"],
])("a manifest %s", (_, fault) => {
  it.each(["tag", "digest"])(
    "of 4 MiB is taken by %s, and one byte more is refused, to HEAD too",
    async (by) => {
      const name = repository("limit");
      const most = await padded(name, LIMIT, "most");
      const more = await padded(name, LIMIT + 1, "more");
      await every(name, fault);
      const cache = cacheApart();
      for (const method of ["HEAD", "GET", "HEAD"]) {
        const reference = by === "tag" ? "most" : most.digest;
        const taken = await ask(cache, `open/${name}/manifests/${reference}`, method);
        expect(taken).toMatchObject({ status: 200, length: String(LIMIT) });
        expect(taken.get("docker-content-digest")).toBe(most.digest);
        if (method === "GET") expect(await digestOf(taken.body as Uint8Array)).toBe(most.digest);
        const other = by === "tag" ? "more" : more.digest;
        const refused = await ask(cache, `open/${name}/manifests/${other}`, method);
        expect(refused.status).toBe(502);
        if (method === "GET") expect(refused.code).toBe("SIZE_INVALID");
      }
    },
  );
});

describe("the first segment of a blob of unknown length", () => {
  const digest = `sha256:${"a".repeat(64)}` as Digest;
  const layout = { digest, size: SEGMENT + 1, attempt: "a", generation: "g" };

  /** @param told what the fill says when that segment is waited for @param stored of the attempt */
  function following(told: (number: number) => object, stored: () => boolean): Segments {
    const opened = () => new ReadableStream();
    const house = {
      fills: { waitFor: async (...[, , , number]: [0, 0, 0, number]) => told(number) },
      blobs: {
        attemptSegment: async () => (stored() ? { stream: opened(), layer: "attempt" } : undefined),
        segment: async () => ({ stream: opened(), layer: "head" }),
        keep: () => {},
      },
      served: { segment: () => {} },
    } as unknown as PullServices;
    const source = { rule: { denyDigests: [] as string[] }, repository: "x" } as unknown as Source;
    const asked = { quarantined: new Map() } as unknown as Pull;
    const attempt = { id: "a", size: null, linked: true };
    return new Segments({ services: house, source, digest, pull: asked }, { attempt }, undefined);
  }

  it("is waited for where the second is stored before it", async () => {
    const waited: number[] = [];
    const told = (number: number) => ({ segments: [number], waited: waited.push(number) });
    const segments = following(told, () => waited.includes(0));
    expect(await segments.open(0)).toMatchObject({ layer: "attempt" });
    expect(waited).toEqual([0, 1]); // not sent as the last one either
  });

  it("is read from the head where it has moved there meanwhile", async () => {
    let looks = 0;
    const told = (number: number) =>
      looks++ < 2 ? { segments: [number] } : { segments: [], layout };
    expect(await following(told, () => false).open(0)).toMatchObject({ layer: "head" });
  });
});

describe.each<[string, Fault]>([
  ["compressed on the way", { gzip: "whole" }],
  ["compressed on the way, without ranges", { gzip: "whole", ignoreRange: true }],
  ["compressed where they are stored, ranges and all", { gzip: "ranges" }],
  ["without a length", { chunked: true }],
  ["without a length or ranges", { chunked: true, ignoreRange: true }],
  ["behind addresses that are used up by any request", { redirect: "once" }],
  ["behind addresses that are signed for GET alone", { redirect: "get" }],
])("an upstream whose answers are %s", (_, fault) => {
  it("gives manifests, lists and blobs of any size, byte for byte", async () => {
    const name = repository("carried");
    const sizes = [0, 1, 5000, SEGMENT, SEGMENT + 1];
    const image = await fixture.image(name, "1", { layers: sizes });
    await every(name, fault, { server: "open" });
    const cache = cacheApart();
    const client = { "Accept-Encoding": "zstd, gzip, deflate" };
    const inOrder = [image.config, ...image.layers].map(({ digest }) => `blobs/${digest}`);
    for (const path of ["manifests/1", `manifests/${image.digest}`, ...inOrder]) {
      const pulled = await ask(cache, `open/${name}/${path}`, "GET", client);
      const digest = path.startsWith("blobs") ? path.slice(6) : image.digest;
      expect(pulled.status).toBe(200);
      expect(pulled.get("content-encoding")).toBeNull();
      expect(await digestOf(pulled.body as Uint8Array)).toBe(digest);
      const head = await ask(cache, `open/${name}/${path}`, "HEAD", client);
      expect(head).toMatchObject({ status: 200, length: String(pulled.body?.byteLength) });
    }
    const list = await ask(cache, `open/${name}/tags/list`, "GET", client);
    expect(JSON.parse(new TextDecoder().decode(list.body))).toMatchObject({ tags: ["1"] });
  });

  it("is asked by HEAD, and by a range, for what is not here", async () => {
    const name = repository("cold");
    const { digest } = await fixture.blob(name, { seed: 3, size: SEGMENT + MiB });
    const tagged = await fixture.image(name, "1");
    await every(name, fault, { server: "open" });
    const cache = cacheApart();
    const head = await ask(cache, `open/${name}/blobs/${digest}`, "HEAD");
    // Where only compressed lengths are told, there is none; it must not be another.
    expect(head.status).toBe(200);
    expect([String(SEGMENT + MiB), null]).toContain(head.length);
    const tag = await ask(cache, `open/${name}/manifests/1`, "HEAD");
    expect(tag).toMatchObject({ status: 200, length: String(tagged.size) });
    const range = await ask(cache, `open/${name}/blobs/${digest}`, "GET", {
      Range: "bytes=9000000-9000999",
    });
    const whole = bytes(3, 0, SEGMENT + MiB);
    expect(range.body).toEqual(range.status === 206 ? whole.subarray(9_000_000, 9_001_000) : whole);
  });
});

it.each([5000, SEGMENT + 5000])(
  "a gzip file of some %i bytes that its storage calls compressed comes as it is",
  async (size) => {
    const name = repository("labelled");
    const layer = await gzipped(bytes(size, 0, size));
    const { digest } = await fixture.blob(name, layer);
    await every(name, { gzip: "label" }, { kind: "blob" });
    const cache = cacheApart();
    // A transfer that was begun otherwise may break off once.
    let pulled = await ask(cache, `open/${name}/blobs/${digest}`);
    if (!pulled.body) pulled = await ask(cache, `open/${name}/blobs/${digest}`);
    expect(pulled.status).toBe(200);
    expect(await digestOf(pulled.body as Uint8Array)).toBe(digest);
  },
);

describe("bytes behind the end of a body", () => {
  const within: [string, Fault][] = [
    ["within its length", { append: "garbage" }],
    ["in an answer without a length", { append: "garbage", chunked: true }],
    ["compressed with it", { append: "garbage", gzip: "whole" }],
    ["in an answer without ranges", { append: "garbage", ignoreRange: true }],
    ["in one without ranges or a length", { append: "garbage", ignoreRange: true, chunked: true }],
  ];

  it.each(within)("%s are never kept, and never end an answer cleanly", async (_, fault) => {
    const name = repository("garbage");
    const image = await fixture.image(name, "1", {
      layers: [5000, SEGMENT - 3, SEGMENT, SEGMENT + 9],
    });
    await every(name, fault, { method: "GET" });
    const cache = cacheApart();
    const paths = image.layers.map(({ digest }) => `blobs/${digest}`);
    expect((await ask(cache, `open/${name}/tags/list`)).status).toBe(502);
    for (const path of ["manifests/1", `manifests/${image.digest}`, ...paths]) {
      const pulled = await ask(cache, `open/${name}/${path}`);
      // Where HEAD tells the length, what lies behind it is not read.
      if (pulled.status !== 200) expect(pulled.status).toBe(502);
      else if (pulled.body)
        expect(await digestOf(pulled.body)).toBe(path.slice(path.indexOf("/") + 1));
    }
    await fixture.heal({ repository: name });
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 10 * 60_000 });
    for (const path of ["manifests/1", `manifests/${image.digest}`, ...paths]) {
      const pulled = await ask(cache, `open/${name}/${path}`);
      const digest = path.startsWith("blobs") ? path.slice(6) : image.digest;
      expect(pulled.status).toBe(200);
      expect(await digestOf(pulled.body as Uint8Array)).toBe(digest);
    }
  });

  it.each([
    ["behind its length", (length: number) => `Content-Length: ${length}\r\n`, "garbage", 200],
    [
      "behind its length, as another answer",
      (length: number) => `Content-Length: ${length}\r\n`,
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
      200,
    ],
    ["up to the end of the connection", () => "", "garbage", 502],
    ["none, up to the end of the connection", () => "", "", 200],
    ["less than its length", (length: number) => `Content-Length: ${length + 9}\r\n`, "", 502],
  ])("%s: a manifest, a list and a blob", async (_, lengthOf, garbage, status) => {
    const name = repository("wire");
    const image = await fixture.image(name, "1");
    const blob = "a blob of some words";
    const { digest } = await fixture.blob(name, blob);
    const list = JSON.stringify({ name, tags: ["1"] });
    const manifest = new TextDecoder().decode(image.bytes);
    const raw = (text: string, type: string) =>
      `HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\n${lengthOf(text.length)}Connection: close\r\n\r\n${text}${garbage}`;
    const type = "application/octet-stream";
    await every(name, { raw: raw(manifest, image.mediaType) }, { kind: "manifest", method: "GET" });
    await every(name, { raw: raw(blob, type) }, { kind: "blob", method: "GET" });
    await every(name, { raw: raw(list, "application/json") }, { kind: "tags" });
    const cache = cacheApart();
    const texts = { [`manifests/${image.digest}`]: manifest, [`blobs/${digest}`]: blob };
    for (const [path, text] of Object.entries(texts)) {
      const pulled = await ask(cache, `open/${name}/${path}`);
      // Where HEAD tells a blob's length, what lies behind it is not read.
      const isCut = path.startsWith("blobs") && garbage !== "" && lengthOf(1) === "";
      expect(pulled.status).toBe(isCut ? 200 : status);
      if (pulled.status === 200) expect(new TextDecoder().decode(pulled.body)).toBe(text);
    }
    expect((await ask(cache, `open/${name}/tags/list`)).status).toBe(status);
  });
});
