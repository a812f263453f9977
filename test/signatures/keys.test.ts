// Keys and hashes of signatures that cosign, or a key management service, may make.

import { createPublicKey, generateKeyPairSync, type KeyObject, sign, webcrypto } from "node:crypto";
import { describe, expect, it } from "vitest";
import { isSignedBy } from "../../src/signatures/keys.ts";

const DATA = new TextEncoder().encode("what is signed");
const pairOf = (type: string, options: object) =>
  generateKeyPairSync(type as "ec", options as { namedCurve: string });

const EC = { "P-256": ["sha256"], "P-384": ["sha256", "sha384"], "P-521": ["sha256", "sha512"] };
const HASHES = ["sha1", "sha256", "sha384", "sha512"];

describe("a signature by ECDSA", () => {
  const cases = Object.entries(EC).flatMap(([curve, good]) =>
    HASHES.map((hash) => [curve, hash, good.includes(hash)] as const),
  );
  it.each(cases)("on %s with %s: %s", async (namedCurve, hash, isGood) => {
    const { publicKey, privateKey } = pairOf("ec", { namedCurve });
    const key = createPublicKey(publicKey.export({ type: "spki", format: "pem" }));
    expect(await isSignedBy(key, DATA, sign(hash, DATA, privateKey))).toBe(isGood);
  });
});

describe("a signature by RSA", () => {
  const { publicKey, privateKey } = pairOf("rsa", { modulusLength: 2048 });
  it.each(HASHES)("PKCS#1 v1.5 with %s counts if that is sha256", async (hash) => {
    expect(await isSignedBy(publicKey, DATA, sign(hash, DATA, privateKey))).toBe(hash === "sha256");
  });

  it.each([
    { hash: "SHA-256", saltLength: 32, isGood: true },
    { hash: "SHA-256", saltLength: 222, isGood: true },
    { hash: "SHA-256", saltLength: 20, isGood: false },
    { hash: "SHA-384", saltLength: 48, isGood: false },
  ])(
    "PSS with $hash and a salt of $saltLength bytes: $isGood",
    async ({ hash, saltLength, isGood }) => {
      const { subtle } = webcrypto;
      const how = { name: "RSA-PSS", hash };
      const pkcs8 = new Uint8Array(privateKey.export({ type: "pkcs8", format: "der" }));
      const key = await subtle.importKey("pkcs8", pkcs8, how, false, ["sign"]);
      const signature = await subtle.sign({ name: "RSA-PSS", saltLength }, key, DATA);
      expect(await isSignedBy(publicKey, DATA, new Uint8Array(signature))).toBe(isGood);
      expect(await isSignedBy(publicKey, DATA.slice(1), new Uint8Array(signature))).toBe(false);
    },
  );
});

describe("a signature by Ed25519", () => {
  const { publicKey, privateKey } = pairOf("ed25519", {});
  it("counts as it is", async () => {
    const signature = sign(null, DATA, privateKey);
    expect(await isSignedBy(publicKey, DATA, signature)).toBe(true);
    expect(await isSignedBy(publicKey, DATA.slice(1), signature)).toBe(false);
    const { publicKey: other } = pairOf("ed25519", {});
    expect(await isSignedBy(other, DATA, signature)).toBe(false);
  });

  it("counts as Ed25519ph, by the example of RFC 8032, 7.3", async () => {
    const hex = (text: string) => Buffer.from(text.replaceAll(/\s/g, ""), "hex");
    const point = hex("ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf");
    const spki = Buffer.concat([hex("302a300506032b6570032100"), point]);
    const key: KeyObject = createPublicKey({ key: spki, format: "der", type: "spki" });
    const signature = hex(
      `98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae41
       31f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406`,
    );
    expect(await isSignedBy(key, new TextEncoder().encode("abc"), signature)).toBe(true);
    expect(await isSignedBy(key, new TextEncoder().encode("abd"), signature)).toBe(false);
  });
});

describe("a signature that is none", () => {
  const keys = [
    pairOf("ec", { namedCurve: "P-256" }),
    pairOf("rsa", { modulusLength: 2048 }),
    pairOf("ed25519", {}),
  ].map(({ publicKey }) => publicKey);
  it.each([0, 1, 63, 64, 65, 70, 256, 10_000])("of %i bytes does not count", async (length) => {
    for (const key of keys)
      for (const byte of [0, 0x30, 0xff])
        expect(await isSignedBy(key, DATA, new Uint8Array(length).fill(byte))).toBe(false);
  });
});
