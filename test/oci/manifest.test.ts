// Manifests: what a body says it is, whatever it is.

import { describe, expect, it } from "vitest";
import {
  DOCKER_LIST,
  DOCKER_MANIFEST,
  defaultChild,
  judgeManifest,
  manifestType,
  OCI_INDEX,
  OCI_MANIFEST,
  UPSTREAM_ACCEPT,
} from "../../src/oci/manifest.ts";

const bytesOf = (content: unknown) =>
  new TextEncoder().encode(typeof content === "string" ? content : JSON.stringify(content));

const DIGEST = `sha256:${"a".repeat(64)}`;
const OTHER = `sha256:${"b".repeat(64)}`;
const SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+json";
const SIGNED = "application/vnd.docker.distribution.manifest.v1+prettyjws";
/** Deeper than any stack. */
const DEEP = `${"[".repeat(200_000)}${"]".repeat(200_000)}`;

describe("judgeManifest", () => {
  it.each<{ title: string; body: unknown; mediaType: string }>([
    {
      title: "the body's word",
      body: { mediaType: DOCKER_MANIFEST, config: {}, layers: [] },
      mediaType: DOCKER_MANIFEST,
    },
    { title: "the body's word alone", body: { mediaType: DOCKER_LIST }, mediaType: DOCKER_LIST },
    {
      title: "a vendor's type",
      body: { mediaType: "application/vnd.acme+json" },
      mediaType: "application/vnd.acme+json",
    },
    {
      title: "an index by its shape",
      body: { schemaVersion: 2, manifests: [] },
      mediaType: OCI_INDEX,
    },
    { title: "an image by its shape", body: { config: {}, layers: [] }, mediaType: OCI_MANIFEST },
    { title: "an image by its layers", body: { layers: [] }, mediaType: OCI_MANIFEST },
    { title: "an image by its config", body: { config: {} }, mediaType: OCI_MANIFEST },
    {
      title: "a schema 1 by its shape",
      body: { schemaVersion: 1, fsLayers: [] },
      mediaType: SCHEMA1,
    },
    {
      title: "a signed schema 1",
      body: { schemaVersion: 1, fsLayers: [], signatures: [{}] },
      mediaType: SIGNED,
    },
    {
      title: "nothing but a version",
      body: { schemaVersion: 2, annotations: {} },
      mediaType: OCI_MANIFEST,
    },
    {
      title: "an empty mediaType, as Go writes it",
      body: { mediaType: "", manifests: [] },
      mediaType: OCI_INDEX,
    },
    {
      title: "fields that are null",
      body: { config: null, layers: null, manifests: [] },
      mediaType: OCI_INDEX,
    },
    {
      title: "the same key twice: the last",
      body: `{"mediaType":"a/b","mediaType":"${OCI_INDEX}"}`,
      mediaType: OCI_INDEX,
    },
    {
      title: "a key of every object",
      body: `{"schemaVersion":2,"__proto__":{"mediaType":"a/b"}}`,
      mediaType: OCI_MANIFEST,
    },
    {
      title: "a byte order mark",
      body: `\ufeff{"mediaType":"${OCI_INDEX}"}`,
      mediaType: OCI_INDEX,
    },
  ])("takes $title", ({ body, mediaType }) => {
    expect(judgeManifest(bytesOf(body))).toEqual({ mediaType });
  });

  it.each<[string, unknown]>([
    ["a page", "<!doctype html>"],
    ["XHTML", '<html xmlns="http://www.w3.org/1999/xhtml"><script/></html>'],
    ["JSON that was cut", '{"schemaVersion":2,'],
    ["nothing", ""],
    ["a list", [{ schemaVersion: 2 }]],
    ["null", "null"],
    ["a text", '"x"'],
    ["an empty object", {}],
    ["an error of a registry", { errors: [{ code: "UNKNOWN" }] }],
    ["a schemaVersion that is a text", { schemaVersion: "2" }],
    ["deep nesting that does not end", "[".repeat(200_000)],
    ["an index that is an image too, by its layers", { manifests: [], layers: [] }],
    ["an index that is an image too, by its config", { manifests: [], config: {} }],
    ["the same with a mediaType", { mediaType: OCI_INDEX, manifests: [], config: {} }],
    ["an index's type on an image", { mediaType: OCI_INDEX, config: {}, layers: [] }],
    ["an image's type on an index", { mediaType: DOCKER_MANIFEST, manifests: [] }],
    ["a field in another case, which Go takes", { layers: [], Manifests: [] }],
    ["a field with a long s, which Go takes too", { manifests: [], "layer\u017f": [] }],
    ["the same, escaped", '{"schemaVersion":2,"config":{},"manife\\u017ft\\u017f":[]}'],
    ["a mediaType in another case", { MediaType: OCI_INDEX, config: {} }],
    ["a mediaType that a browser renders", { mediaType: "text/html", config: {}, layers: [] }],
    ["a picture's", { mediaType: "image/svg+xml", manifests: [] }],
    ["XML's of a vendor", { mediaType: "application/vnd.acme+xml", manifests: [] }],
    ["a mediaType that ends the header", { mediaType: `${OCI_INDEX}\r\nX: y` }],
    ["a mediaType with parameters", { mediaType: `${OCI_INDEX}; charset=utf-7` }],
    ["a mediaType that is a number", { mediaType: 5, config: {} }],
    ["a mediaType that is a list", { mediaType: [OCI_INDEX], manifests: [] }],
    ["manifests that are no list", { manifests: {} }],
    ["layers that are no list", { layers: "x" }],
    ["a config that is a text", { config: "x" }],
    ["a config that is a list", { config: [] }],
  ])("refuses %s", (_, body) => {
    expect(judgeManifest(bytesOf(body))).toEqual({ wrong: expect.any(String) });
  });

  it("refuses bytes that are no UTF-8", () => {
    expect(judgeManifest(new Uint8Array([0xff, 0xfe, 0x00]))).toHaveProperty("wrong");
  });
});

it.each<[string | null, string | undefined]>([
  [OCI_INDEX, OCI_INDEX],
  [`${OCI_INDEX.toUpperCase()}; charset=utf-8`, OCI_INDEX],
  ["application/vnd.acme.thing.v1+json", "application/vnd.acme.thing.v1+json"],
  ["application/xhtml+xml", undefined],
  ["image/svg+xml", undefined],
  ["text/html", undefined],
  ["application/json", undefined],
  ["application/octet-stream", undefined],
  ["application/vnd.acme+xml", undefined],
  ["", undefined],
  [null, undefined],
])("a header's type: %s", (header, expected) => {
  expect(manifestType(header)).toBe(expected);
});

describe("defaultChild", () => {
  const child = (os: unknown, architecture: unknown, digest: unknown = DIGEST) => ({
    digest,
    platform: { os, architecture },
  });

  it.each<{ title: string; body: unknown; expected: string | undefined }>([
    { title: "the only one", body: { manifests: [child("linux", "amd64")] }, expected: DIGEST },
    {
      title: "not the first",
      body: { manifests: [child("linux", "arm64", OTHER), child("linux", "amd64")] },
      expected: DIGEST,
    },
    {
      title: "the first of two",
      body: { manifests: [child("linux", "amd64"), child("linux", "amd64", OTHER)] },
      expected: DIGEST,
    },
    {
      title: "another system",
      body: { manifests: [child("windows", "amd64")] },
      expected: undefined,
    },
    {
      title: "another architecture",
      body: { manifests: [child("linux", "arm64")] },
      expected: undefined,
    },
    {
      title: "an attestation",
      body: { manifests: [child("unknown", "unknown")] },
      expected: undefined,
    },
    { title: "no platform", body: { manifests: [{ digest: DIGEST }] }, expected: undefined },
    { title: "no children", body: { manifests: [] }, expected: undefined },
    { title: "no index", body: { config: {} }, expected: undefined },
  ])("$title", ({ body, expected }) => {
    expect(defaultChild(bytesOf(body))).toBe(expected);
  });

  it.each<{ title: string; body: unknown; expected: string | undefined }>([
    {
      title: "manifests that are no list",
      body: { manifests: { length: 1, 0: child("linux", "amd64") } },
      expected: undefined,
    },
    {
      title: "null among them",
      body: { manifests: [null, child("linux", "amd64")] },
      expected: DIGEST,
    },
    {
      title: "numbers among them",
      body: { manifests: [1, "x", [], child("linux", "amd64")] },
      expected: DIGEST,
    },
    {
      title: "a platform that is null",
      body: { manifests: [{ platform: null }, child("linux", "amd64")] },
      expected: DIGEST,
    },
    {
      title: "a platform that is a text",
      body: { manifests: [{ digest: DIGEST, platform: "linux/amd64" }] },
      expected: undefined,
    },
    {
      title: "a system that is a list",
      body: { manifests: [child(["linux"], "amd64")] },
      expected: undefined,
    },
    {
      title: "a digest that is none",
      body: { manifests: [child("linux", "amd64", "sha256:../../x")] },
      expected: undefined,
    },
    {
      title: "a digest that is a number",
      body: { manifests: [child("linux", "amd64", 5)] },
      expected: undefined,
    },
    { title: "no JSON", body: "<html>", expected: undefined },
    { title: "deep nesting", body: `{"manifests":${DEEP}}`, expected: undefined },
  ])("of hostile JSON: $title", ({ body, expected }) => {
    expect(defaultChild(bytesOf(body))).toBe(expected);
  });
});

it("upstreams are asked for indexes and manifests of both kinds, and anything else", () => {
  const types = UPSTREAM_ACCEPT.split(",").map((entry) => entry.trim());
  expect(types).toEqual(
    expect.arrayContaining([OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST, "*/*;q=0.5"]),
  );
});
