// Manifests: what a body says it is, whatever it is.

import { describe, expect, it } from "vitest";
import {
  DOCKER_LIST,
  DOCKER_MANIFEST,
  defaultChild,
  looksLikeManifest,
  mediaTypeOf,
  OCI_INDEX,
  OCI_MANIFEST,
  UPSTREAM_ACCEPT,
} from "../../src/oci/manifest.ts";

const bytesOf = (content: unknown) =>
  new TextEncoder().encode(typeof content === "string" ? content : JSON.stringify(content));

const DIGEST = `sha256:${"a".repeat(64)}`;
const OTHER = `sha256:${"b".repeat(64)}`;
const SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+prettyjws";
/** Deeper than any stack. */
const DEEP = `${"[".repeat(200_000)}${"]".repeat(200_000)}`;

describe("mediaTypeOf", () => {
  it.each<[string, unknown, string | null, string]>([
    [
      "the body's word wins over the header",
      { mediaType: DOCKER_MANIFEST },
      OCI_MANIFEST,
      DOCKER_MANIFEST,
    ],
    ["the body's word alone", { mediaType: DOCKER_LIST }, null, DOCKER_LIST],
    [
      "a type nobody knows",
      { mediaType: "application/vnd.acme+json" },
      OCI_MANIFEST,
      "application/vnd.acme+json",
    ],
    ["no word: the header", { config: {} }, OCI_MANIFEST, OCI_MANIFEST],
    ["the header, against the shape", { manifests: [] }, DOCKER_MANIFEST, DOCKER_MANIFEST],
    ["the header without its parameters", {}, `${OCI_INDEX}; charset=utf-8`, OCI_INDEX],
    ["the header in lower case", {}, OCI_INDEX.toUpperCase(), OCI_INDEX],
    ["a header for what is no JSON", "not JSON", "application/wasm", "application/wasm"],
    // Generic headers say nothing: then the shape does.
    ["an index by its shape", { manifests: [] }, "application/json", OCI_INDEX],
    ["an index without any header", { manifests: [] }, null, OCI_INDEX],
    ["an index, as text", { manifests: [] }, "text/plain; charset=utf-8", OCI_INDEX],
    ["an index, as bytes", { manifests: [] }, "application/octet-stream", OCI_INDEX],
    ["an index, with an empty header", { manifests: [] }, "", OCI_INDEX],
    ["a manifest by its shape", { config: {}, layers: [] }, "application/json", OCI_MANIFEST],
    ["a schema 1 by its shape", { fsLayers: [] }, "application/json", SCHEMA1],
    ["no shape: the header after all", {}, "text/html; charset=utf-8", "text/html"],
    ["nothing at all", {}, null, "application/octet-stream"],
    ["no JSON", "<html>", null, "application/octet-stream"],
    ["not even a byte", "", null, "application/octet-stream"],
  ])("%s", (_, body, header, expected) => {
    expect(mediaTypeOf(bytesOf(body), header)).toBe(expected);
  });

  it.each<[string, unknown, string | null, string]>([
    ["a mediaType that is a number", { mediaType: 5 }, OCI_MANIFEST, OCI_MANIFEST],
    ["a mediaType that is a list", { mediaType: [OCI_INDEX] }, OCI_MANIFEST, OCI_MANIFEST],
    ["a mediaType that is empty", { mediaType: "" }, OCI_MANIFEST, OCI_MANIFEST],
    ["a mediaType that is no type", { mediaType: "manifest" }, OCI_MANIFEST, OCI_MANIFEST],
    [
      "a mediaType that would end the header",
      { mediaType: "a/b\r\nX: y" },
      OCI_MANIFEST,
      OCI_MANIFEST,
    ],
    ["a mediaType with parameters", { mediaType: "a/b; c=d" }, OCI_MANIFEST, OCI_MANIFEST],
    ["manifests that are no list", { manifests: {} }, null, "application/octet-stream"],
    ["a config that is null", { config: null }, null, "application/octet-stream"],
    ["a config that is a text", { config: "x" }, null, "application/octet-stream"],
    ["a list", [{ mediaType: OCI_INDEX }], OCI_MANIFEST, OCI_MANIFEST],
    ["null", "null", OCI_MANIFEST, OCI_MANIFEST],
    ["a text", '"x"', OCI_MANIFEST, OCI_MANIFEST],
    ["the same key twice: the last", `{"mediaType":"a/b","mediaType":"c/d"}`, null, "c/d"],
    ["a key of every object", `{"__proto__":{"mediaType":"a/b"}}`, OCI_MANIFEST, OCI_MANIFEST],
    ["deep nesting", `{"mediaType":"a/b","x":${DEEP}}`, null, "a/b"],
    ["deep nesting that does not end", "[".repeat(200_000), OCI_MANIFEST, OCI_MANIFEST],
    ["a byte order mark", `\ufeff{"mediaType":"a/b"}`, null, "a/b"],
  ])("of hostile JSON: %s", (_, body, header, expected) => {
    expect(mediaTypeOf(bytesOf(body), header)).toBe(expected);
  });

  it("of bytes that are no UTF-8", () => {
    expect(mediaTypeOf(new Uint8Array([0xff, 0xfe, 0x00]), OCI_MANIFEST)).toBe(OCI_MANIFEST);
  });
});

describe("looksLikeManifest", () => {
  it.each<[string, unknown, boolean]>([
    ["OCI without a mediaType", { schemaVersion: 2, config: {} }, true],
    ["schema 1", { schemaVersion: 1, fsLayers: [] }, true],
    ["an artifact without a schemaVersion", { mediaType: "application/x" }, true],
    ["an error of a registry", { errors: [{ code: "UNKNOWN" }] }, false],
    ["an empty object", {}, false],
    ["a schemaVersion that is a text", { schemaVersion: "2" }, false],
    ["a mediaType that is a number", { mediaType: 1 }, false],
    ["a list", [{ schemaVersion: 2 }], false],
    ["null", "null", false],
    ["a page", "<!doctype html>", false],
    ["JSON that was cut", '{"schemaVersion":2,', false],
    ["nothing", "", false],
    ["deep nesting", `{"schemaVersion":2,"x":${DEEP}}`, true],
    ["the same key twice: the last", '{"schemaVersion":2,"schemaVersion":"2"}', false],
  ])("%s", (_, body, expected) => {
    expect(looksLikeManifest(bytesOf(body))).toBe(expected);
  });
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
