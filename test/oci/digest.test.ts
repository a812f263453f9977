// Digests: what is one, what it is made of, and what bytes have.

import { describe, expect, it } from "vitest";
import { algorithmOf, type Digest, hexOf, isDigest, referrersTag } from "../../src/oci/digest.ts";
import { digestOf, TwinHash, twinOf } from "../../src/oci/hash.ts";

const A64 = "a".repeat(64);
const SHA512 = `sha512:${A64}${"b".repeat(64)}` as Digest;

describe("isDigest", () => {
  it.each([`sha256:${A64}`, `sha256:${"0123456789abcdef".repeat(4)}`, SHA512])("%s", (text) => {
    expect(isDigest(text)).toBe(true);
  });

  it.each([
    ["nothing", ""],
    ["no algorithm", A64],
    ["no hex", "sha256:"],
    ["one digit too few", `sha256:${A64.slice(1)}`],
    ["one digit too many", `sha256:${A64}a`],
    ["the length of the other algorithm", `sha512:${A64}`],
    ["sha256 of sha512's length", `sha256:${A64}${A64}`],
    ["upper case", `sha256:${A64.toUpperCase()}`],
    ["an upper-case algorithm", `SHA256:${A64}`],
    ["no hexadecimal digit", `sha256:${A64.slice(1)}g`],
    ["an unregistered algorithm", `md5:${"a".repeat(32)}`],
    ["a name every object has", `constructor:${A64}`],
    ["a prototype", `__proto__:${A64}`],
    ["a line break at its end", `sha256:${A64.slice(1)}\n`],
    ["a further part", `sha256:${A64}:x`],
    ["an empty further part", `sha256:${A64}:`],
    ["a path", `sha256:../${A64.slice(3)}`],
    ["a space before it", ` sha256:${A64}`],
  ])("is false for %s", (_, text) => {
    expect(isDigest(text)).toBe(false);
  });
});

it("falls into its parts", () => {
  expect(algorithmOf(SHA512)).toBe("sha512");
  expect(hexOf(SHA512)).toBe(A64 + "b".repeat(64));
});

it.each([
  [`sha256:${A64}`, `sha256-${A64}`],
  [SHA512, `sha512-${A64}`],
])("referrers of %s are under %s", (digest, tag) => {
  expect(referrersTag(digest as Digest)).toBe(tag);
});

describe("the digest of bytes", () => {
  const ABC = new TextEncoder().encode("abc");

  it.each<{ title: string; bytes: Uint8Array; algorithm: "sha256" | "sha512"; digest: string }>([
    // FIPS 180-4's own examples.
    {
      title: "abc",
      bytes: ABC,
      algorithm: "sha256",
      digest: "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    },
    {
      title: "abc",
      bytes: ABC,
      algorithm: "sha512",
      digest:
        "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
    },
    {
      title: "nothing",
      bytes: new Uint8Array(0),
      algorithm: "sha256",
      digest: "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    },
  ])("of $title", ({ bytes, algorithm, digest }) => {
    expect(digestOf(bytes, algorithm)).toBe(digest);
    expect(isDigest(digest)).toBe(true);
  });

  it("has a twin by the other algorithm", () => {
    expect(twinOf(digestOf(ABC, "sha256"), ABC)).toBe(digestOf(ABC, "sha512"));
    expect(twinOf(digestOf(ABC, "sha512"), ABC)).toBe(digestOf(ABC, "sha256"));
  });

  it("is sha256 unless said", () => {
    expect(digestOf(ABC)).toBe(digestOf(ABC, "sha256"));
  });

  it.each(["sha256", "sha512"] as const)("can be fed piece by piece: %s", (algorithm) => {
    const digest = digestOf(ABC, algorithm);
    const hash = new TwinHash(digest);
    hash.update(ABC.subarray(0, 1));
    const copy = hash.copy();
    hash.update(ABC.subarray(1));
    expect(hash.end()).toEqual({ hex: hexOf(digest), twin: twinOf(digest, ABC) });
    copy.update(ABC.subarray(1));
    expect(copy.end().hex).toBe(hexOf(digest));
  });
});
