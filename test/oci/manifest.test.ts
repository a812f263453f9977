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
  it.each<[string, unknown, string]>([
    ["the body's word", { mediaType: DOCKER_MANIFEST, config: {}, layers: [] }, DOCKER_MANIFEST],
    ["the body's word alone", { mediaType: DOCKER_LIST }, DOCKER_LIST],
    ["a vendor's type", { mediaType: "application/vnd.acme+json" }, "application/vnd.acme+json"],
    ["an index by its shape", { schemaVersion: 2, manifests: [] }, OCI_INDEX],
    ["an image by its shape", { config: {}, layers: [] }, OCI_MANIFEST],
    ["an image by its layers", { layers: [] }, OCI_MANIFEST],
    ["an image by its config", { config: {} }, OCI_MANIFEST],
    ["a schema 1 by its shape", { schemaVersion: 1, fsLayers: [] }, SCHEMA1],
    ["a signed schema 1", { schemaVersion: 1, fsLayers: [], signatures: [{}] }, SIGNED],
    ["nothing but a version", { schemaVersion: 2, annotations: {} }, OCI_MANIFEST],
    ["an empty mediaType, as Go writes it", { mediaType: "", manifests: [] }, OCI_INDEX],
    ["fields that are null", { config: null, layers: null, manifests: [] }, OCI_INDEX],
    ["the same key twice: the last", `{"mediaType":"a/b","mediaType":"${OCI_INDEX}"}`, OCI_INDEX],
    ["a key of every object", `{"schemaVersion":2,"__proto__":{"mediaType":"a/b"}}`, OCI_MANIFEST],
    ["a byte order mark", `\ufeff{"mediaType":"${OCI_INDEX}"}`, OCI_INDEX],
  ])("takes %s", (_, body, mediaType) => {
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

  it.each<[string, unknown, string | undefined]>([
    ["the only one", { manifests: [child("linux", "amd64")] }, DIGEST],
    [
      "not the first",
      { manifests: [child("linux", "arm64", OTHER), child("linux", "amd64")] },
      DIGEST,
    ],
    [
      "the first of two",
      { manifests: [child("linux", "amd64"), child("linux", "amd64", OTHER)] },
      DIGEST,
    ],
    ["another system", { manifests: [child("windows", "amd64")] }, undefined],
    ["another architecture", { manifests: [child("linux", "arm64")] }, undefined],
    ["an attestation", { manifests: [child("unknown", "unknown")] }, undefined],
    ["no platform", { manifests: [{ digest: DIGEST }] }, undefined],
    ["no children", { manifests: [] }, undefined],
    ["no index", { config: {} }, undefined],
  ])("%s", (_, body, expected) => {
    expect(defaultChild(bytesOf(body))).toBe(expected);
  });

  it.each<[string, unknown, string | undefined]>([
    [
      "manifests that are no list",
      { manifests: { length: 1, 0: child("linux", "amd64") } },
      undefined,
    ],
    ["null among them", { manifests: [null, child("linux", "amd64")] }, DIGEST],
    ["numbers among them", { manifests: [1, "x", [], child("linux", "amd64")] }, DIGEST],
    [
      "a platform that is null",
      { manifests: [{ platform: null }, child("linux", "amd64")] },
      DIGEST,
    ],
    [
      "a platform that is a text",
      { manifests: [{ digest: DIGEST, platform: "linux/amd64" }] },
      undefined,
    ],
    ["a system that is a list", { manifests: [child(["linux"], "amd64")] }, undefined],
    [
      "a digest that is none",
      { manifests: [child("linux", "amd64", "sha256:../../x")] },
      undefined,
    ],
    ["a digest that is a number", { manifests: [child("linux", "amd64", 5)] }, undefined],
    ["no JSON", "<html>", undefined],
    ["deep nesting", `{"manifests":${DEEP}}`, undefined],
  ])("of hostile JSON: %s", (_, body, expected) => {
    expect(defaultChild(bytesOf(body))).toBe(expected);
  });
});

it("upstreams are asked for indexes and manifests of both kinds, and anything else", () => {
  const asked = UPSTREAM_ACCEPT.split(",").map((entry) => entry.trim());
  expect(asked).toEqual(
    expect.arrayContaining([OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST, "*/*;q=0.5"]),
  );
});
