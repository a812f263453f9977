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
    ["/v2/A/manifests/1", "NAME_INVALID", 400],
    ["/v2//manifests/1", "NAME_INVALID", 400],
    ["/v2/a//b/manifests/1", "NAME_INVALID", 400],
    ["/v2/a/../b/manifests/1", "NAME_INVALID", 400],
    ["/v2/a%2F..%2Fb/manifests/1", "NAME_INVALID", 400],
    ["/v2/a%252Fb/manifests/1", "NAME_INVALID", 400],
    ["/v2/a%00/manifests/1", "NAME_INVALID", 400],
    ["/v2/a%0A/manifests/1", "NAME_INVALID", 400],
    ["/v2/a%20b/tags/list", "NAME_INVALID", 400],
    ["/v2/tags/list", "NAME_INVALID", 400],
    [`/v2/${"a".repeat(256)}/manifests/1`, "NAME_INVALID", 400],
    // a path that is not encoded properly
    ["/v2/a%/manifests/1", "NAME_INVALID", 400],
    ["/v2/a/manifests/%zz", "NAME_INVALID", 400],
    ["/v2/a/manifests/%c3%28", "NAME_INVALID", 400],
    // a reference that is none
    ["/v2/a/manifests/", "MANIFEST_UNKNOWN", 404],
    ["/v2/a/manifests/.x", "MANIFEST_UNKNOWN", 404],
    [`/v2/a/manifests/${"x".repeat(129)}`, "MANIFEST_UNKNOWN", 404],
    ["/v2/a/manifests/sha256:abc", "DIGEST_INVALID", 400],
    [`/v2/a/manifests/md5:${HEX.slice(32)}`, "DIGEST_INVALID", 400],
    [`/v2/a/manifests/sha256:${HEX.toUpperCase()}`, "DIGEST_INVALID", 400],
    ["/v2/a/blobs/", "DIGEST_INVALID", 400],
    ["/v2/a/blobs/latest", "DIGEST_INVALID", 400],
    [`/v2/a/blobs/${HEX}`, "DIGEST_INVALID", 400],
    ["/v2/a/referrers/latest", "DIGEST_INVALID", 400],
    // no endpoint
    ["/", "UNSUPPORTED", 404],
    ["/v1/", "UNSUPPORTED", 404],
    ["/v2x", "UNSUPPORTED", 404],
    ["/v2/_catalog", "UNSUPPORTED", 404],
    ["/v2/a", "UNSUPPORTED", 404],
    ["/v2/a/tags", "UNSUPPORTED", 404],
    ["/v2/a/tags/other", "UNSUPPORTED", 404],
    ["/v2/a/manifests", "UNSUPPORTED", 404],
    ["/v2/a/manifests/1/2", "UNSUPPORTED", 404],
    ["/v2/manifests/1", "UNSUPPORTED", 404],
    ["/v1/a/manifests/1", "UNSUPPORTED", 404],
    ["/v1/a/tags/list", "UNSUPPORTED", 404],
  ])("%s is refused with %s and %i", (path, code, status) => {
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
