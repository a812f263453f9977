// The paths of the registry API.

import { describe, expect, it } from "vitest";
import { RegistryError } from "../../src/oci/error.ts";
import { parsePath, type RegistryRequest } from "../../src/oci/path.ts";

const HEX = "0123456789abcdef".repeat(4);
const SHA256 = `sha256:${HEX}` as const;
const SHA512 = `sha512:${HEX}${HEX}` as const;

describe("parsePath", () => {
  it.each<[string, RegistryRequest]>([
    ["/v2/", { kind: "ping" }],
    ["/v2", { kind: "ping" }],
    ["/v2/a/manifests/latest", { kind: "manifest", name: "a", tag: "latest" }],
    ["/v2/a/b/c/manifests/1.0", { kind: "manifest", name: "a/b/c", tag: "1.0" }],
    [`/v2/a/manifests/${SHA256}`, { kind: "manifest", name: "a", digest: SHA256 }],
    [`/v2/a/manifests/${SHA512}`, { kind: "manifest", name: "a", digest: SHA512 }],
    // A tag may look like half a digest.
    [`/v2/a/manifests/${HEX}`, { kind: "manifest", name: "a", tag: HEX }],
    [`/v2/a/manifests/sha256-${HEX}`, { kind: "manifest", name: "a", tag: `sha256-${HEX}` }],
    [`/v2/a/blobs/${SHA256}`, { kind: "blob", name: "a", digest: SHA256 }],
    [`/v2/a/blobs/${SHA512}`, { kind: "blob", name: "a", digest: SHA512 }],
    [`/v2/a/referrers/${SHA256}`, { kind: "referrers", name: "a", digest: SHA256 }],
    ["/v2/a/tags/list", { kind: "tags", name: "a" }],
    ["/v2/a/b/tags/list", { kind: "tags", name: "a/b" }],
    // Names that are words of the API.
    ["/v2/tags/tags/list", { kind: "tags", name: "tags" }],
    ["/v2/tags/list/tags/list", { kind: "tags", name: "tags/list" }],
    ["/v2/tags/manifests/list", { kind: "manifest", name: "tags", tag: "list" }],
    ["/v2/a/tags/list/manifests/1", { kind: "manifest", name: "a/tags/list", tag: "1" }],
    ["/v2/a/manifests/b/manifests/1", { kind: "manifest", name: "a/manifests/b", tag: "1" }],
    ["/v2/a/manifests/b/tags/list", { kind: "tags", name: "a/manifests/b" }],
    [
      "/v2/manifests/manifests/manifests",
      { kind: "manifest", name: "manifests", tag: "manifests" },
    ],
    ["/v2/blobs/manifests/blobs", { kind: "manifest", name: "blobs", tag: "blobs" }],
    [`/v2/a/blobs/blobs/${SHA256}`, { kind: "blob", name: "a/blobs", digest: SHA256 }],
    [`/v2/referrers/referrers/${SHA256}`, { kind: "referrers", name: "referrers", digest: SHA256 }],
    // Percent-encoded, as some clients send.
    [`/v2/a/blobs/sha256%3A${HEX}`, { kind: "blob", name: "a", digest: SHA256 }],
    [`/v2/a/manifests/sha256%3a${HEX}`, { kind: "manifest", name: "a", digest: SHA256 }],
    ["/v2/a%2Fb/manifests/1", { kind: "manifest", name: "a/b", tag: "1" }],
    ["/v2/a/%74ags/list", { kind: "tags", name: "a" }],
  ])("%s", (path, expected) => {
    expect(parsePath(path)).toEqual(expected);
  });

  it.each([
    // a name that is none
    { path: "/v2/A/manifests/1", code: "NAME_INVALID", status: 400 },
    { path: "/v2//manifests/1", code: "NAME_INVALID", status: 400 },
    { path: "/v2/a//b/manifests/1", code: "NAME_INVALID", status: 400 },
    { path: "/v2/a/../b/manifests/1", code: "NAME_INVALID", status: 400 },
    { path: "/v2/a%2F..%2Fb/manifests/1", code: "NAME_INVALID", status: 400 },
    { path: "/v2/a%252Fb/manifests/1", code: "NAME_INVALID", status: 400 },
    { path: "/v2/a%00/manifests/1", code: "NAME_INVALID", status: 400 },
    { path: "/v2/a%0A/manifests/1", code: "NAME_INVALID", status: 400 },
    { path: "/v2/a%20b/tags/list", code: "NAME_INVALID", status: 400 },
    { path: "/v2/tags/list", code: "NAME_INVALID", status: 400 },
    { path: `/v2/${"a".repeat(256)}/manifests/1`, code: "NAME_INVALID", status: 400 },
    // a path that is not encoded properly
    { path: "/v2/a%/manifests/1", code: "NAME_INVALID", status: 400 },
    { path: "/v2/a/manifests/%zz", code: "NAME_INVALID", status: 400 },
    { path: "/v2/a/manifests/%c3%28", code: "NAME_INVALID", status: 400 },
    // a reference that is none
    { path: "/v2/a/manifests/", code: "MANIFEST_UNKNOWN", status: 404 },
    { path: "/v2/a/manifests/.x", code: "MANIFEST_UNKNOWN", status: 404 },
    { path: `/v2/a/manifests/${"x".repeat(129)}`, code: "MANIFEST_UNKNOWN", status: 404 },
    { path: "/v2/a/manifests/sha256:abc", code: "DIGEST_INVALID", status: 400 },
    { path: `/v2/a/manifests/md5:${HEX.slice(32)}`, code: "DIGEST_INVALID", status: 400 },
    { path: `/v2/a/manifests/sha256:${HEX.toUpperCase()}`, code: "DIGEST_INVALID", status: 400 },
    { path: "/v2/a/blobs/", code: "DIGEST_INVALID", status: 400 },
    { path: "/v2/a/blobs/latest", code: "DIGEST_INVALID", status: 400 },
    { path: `/v2/a/blobs/${HEX}`, code: "DIGEST_INVALID", status: 400 },
    { path: "/v2/a/referrers/latest", code: "DIGEST_INVALID", status: 400 },
    // no endpoint
    { path: "/", code: "UNSUPPORTED", status: 404 },
    { path: "/v1/", code: "UNSUPPORTED", status: 404 },
    { path: "/v2x", code: "UNSUPPORTED", status: 404 },
    { path: "/v2/_catalog", code: "UNSUPPORTED", status: 404 },
    { path: "/v2/a", code: "UNSUPPORTED", status: 404 },
    { path: "/v2/a/tags", code: "UNSUPPORTED", status: 404 },
    { path: "/v2/a/tags/other", code: "UNSUPPORTED", status: 404 },
    { path: "/v2/a/manifests", code: "UNSUPPORTED", status: 404 },
    { path: "/v2/a/manifests/1/2", code: "UNSUPPORTED", status: 404 },
    { path: "/v2/manifests/1", code: "UNSUPPORTED", status: 404 },
    { path: "/v1/a/manifests/1", code: "UNSUPPORTED", status: 404 },
    { path: "/v1/a/tags/list", code: "UNSUPPORTED", status: 404 },
  ])("$path is refused with $code and $status", ({ path, code, status }) => {
    let error: unknown;
    try {
      parsePath(path);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(RegistryError);
    expect(error).toMatchObject({ code, status });
  });
});
