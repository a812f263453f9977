// Pull tokens as text: a prefix that secret scanners recognize, 256 random bits, and a checksum by which a scanner, or
// this cache, recognizes one without a look-up.

import { crc32 } from "node:zlib";
import { digestOf } from "../../oci/hash.ts";

const PREFIX = "entrepot_";
const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/** Number of base62 digits: 62 ** 43 is more than 2 ** 256, and six digits hold 32 bits. */
const SECRET_DIGITS = 43;
const CHECKSUM_DIGITS = 6;

export function newPullToken(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const secret = base62(BigInt(`0x${hex}`), SECRET_DIGITS);
  return PREFIX + secret + checksumOf(secret);
}

/** Whether the text has the form of a pull token; it may still be unknown. */
export function isPullToken(text: string): boolean {
  const [, secret = "", checksum] = /^entrepot_(\w{43})(\w{6})$/.exec(text) ?? [];
  return secret !== "" && checksumOf(secret) === checksum;
}

/** The hash that is stored: a token has too many bits to be guessed, so a slow hash would add nothing. */
export function hashOf(token: string): string {
  return digestOf(new TextEncoder().encode(token));
}

function checksumOf(secret: string): string {
  return base62(BigInt(crc32(PREFIX + secret)), CHECKSUM_DIGITS);
}

function base62(value: bigint, digits: number): string {
  let text = "";
  for (let rest = value; text.length < digits; rest /= 62n)
    text = DIGITS[Number(rest % 62n)] + text;
  return text;
}
