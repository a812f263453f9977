// Public keys: verification of one signature over bytes, with the hashes that cosign uses for a kind of key.

import { createPublicKey, type KeyObject, verify, webcrypto } from "node:crypto";
import { ed25519ph } from "@noble/curves/ed25519.js";
import { CURVES } from "../config/signers.ts";

/** Whether the signature over the data is by the key. False for malformed ones. */
export async function isSignedBy(
  key: KeyObject,
  data: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  switch (key.asymmetricKeyType) {
    case "ed25519":
      return verified(null, data, key, signature) || isPrehashed(key, data, signature);
    case "ec": {
      const hashes = CURVES[key.asymmetricKeyDetails?.namedCurve ?? ""] ?? [];
      return hashes.some((hash) => verified(hash, data, key, signature));
    }
    case "rsa":
      // PKCS#1 v1.5 is what cosign signs with; PSS is what some key management services do.
      return verified("sha256", data, key, signature) || isPss(key, data, signature);
  }
  return false;
}

/** The same without PSS, for the keys of logs. The hash is always named: workerd has no default one for a key. */
export function isLogSignedBy(key: KeyObject, data: Uint8Array, signature: Uint8Array): boolean {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (type === "ed25519") return verified(null, data, key, signature);
  const hashes = type === "ec" ? (CURVES[details?.namedCurve ?? ""] ?? []) : ["sha256"];
  return hashes.some((hash) => verified(hash, data, key, signature));
}

function verified(
  hash: string | null,
  data: Uint8Array,
  key: KeyObject,
  signature: Uint8Array,
): boolean {
  try {
    return verify(hash, data, key, signature);
  } catch {
    return false;
  }
}

/** RSA-PSS with SHA-256. By Web Crypto, since workerd's node:crypto ignores the padding. Its salt is as long as the hash, or the longest that
 * fits, which Go takes by default. */
async function isPss(key: KeyObject, data: Uint8Array, signature: Uint8Array): Promise<boolean> {
  const spki = key.export({ type: "spki", format: "der" });
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  const longest = Math.ceil((bits - 1) / 8) - 32 - 2;
  for (const saltLength of [32, longest])
    if (await isPssSigned({ spki, hash: "SHA-256", saltLength }, data, signature)) return true;
  return false;
}

/** Ed25519ph (RFC 8032, 5.1), which cosign signs with by default and neither node:crypto nor Web Crypto has. */
function isPrehashed(key: KeyObject, data: Uint8Array, signature: Uint8Array): boolean {
  try {
    // The key itself is the last 32 bytes of its SPKI.
    return ed25519ph.verify(signature, data, spkiOf(key).subarray(-32), { zip215: false });
  } catch {
    return false;
  }
}

export interface PssKey {
  spki: Uint8Array;
  hash: "SHA-256" | "SHA-384" | "SHA-512";
  /** In bytes. */
  saltLength: number;
}

export async function isPssSigned(
  { spki, hash, saltLength }: PssKey,
  data: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  try {
    const algorithm = { name: "RSA-PSS", hash };
    const key = await webcrypto.subtle.importKey("spki", copyOf(spki), algorithm, false, [
      "verify",
    ]);
    const how = { name: "RSA-PSS", saltLength };
    return await webcrypto.subtle.verify(how, key, copyOf(signature), copyOf(data));
  } catch {
    return false;
  }
}

/** Web Crypto takes no view of a shared buffer. */
function copyOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}

/** The key of an SPKI in DER; undefined if it is none. */
export function keyOf(spki: Uint8Array): KeyObject | undefined {
  try {
    return createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });
  } catch {
    return undefined;
  }
}

/** The SPKI in DER. */
export function spkiOf(key: KeyObject): Buffer {
  return key.export({ type: "spki", format: "der" });
}
