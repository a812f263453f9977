// JWS of notation's signatures: the envelope's fields, the protected header, and the signature by the algorithm that the key demands
// (notaryproject/specifications, signature-envelope-jws.md and signature-specification.md).

import { type KeyObject, verify } from "node:crypto";
import { z } from "zod";
import { jsonOf } from "./claims.ts";
import { isPssSigned, spkiOf } from "./keys.ts";
import { refuse } from "./refusal.ts";

const base64url = z.string().regex(/^[\w-]+$/);

const envelopeSchema = z.object({
  payload: base64url,
  protected: base64url,
  signature: base64url,
  header: z.object({ x5c: z.array(z.base64()).min(1).max(10) }),
});

const time = z.iso.datetime({ offset: true });

/** Fields by which the signer says how to judge the signature; unknown critical ones refuse it. */
const headerSchema = z.object({
  alg: z.string(),
  cty: z.literal("application/vnd.cncf.notary.payload.v1+json"),
  crit: z.array(z.string()),
  "io.cncf.notary.signingScheme": z.string(),
  "io.cncf.notary.signingTime": time.optional(),
  "io.cncf.notary.authenticSigningTime": time.optional(),
  "io.cncf.notary.expiry": time.optional(),
});

const UNDERSTOOD = [
  "io.cncf.notary.signingScheme",
  "io.cncf.notary.expiry",
  "io.cncf.notary.authenticSigningTime",
];

export interface Envelope {
  /** The decoded payload. */
  payload: Buffer;
  scheme: string;
  /** In ms. */
  expiry?: number;
  /** DER, the signer's first. */
  chain: Buffer[];
  algorithm: string;
  /** The signed bytes. */
  signed: Buffer;
  signature: Buffer;
}

/** Reads an envelope; throws Refused for a malformed one, and for one with a critical field that is not understood. */
export function envelopeIn(bytes: Uint8Array): Envelope {
  const { data: envelope } = envelopeSchema.safeParse(jsonOf(bytes));
  if (!envelope) refuse("has a malformed JWS envelope");
  const head = jsonOf(Buffer.from(envelope.protected, "base64url"));
  const { data: header } = headerSchema.safeParse(head);
  if (!header) refuse("has a malformed JWS header");
  const unknown = header.crit.find((field) => !UNDERSTOOD.includes(field));
  if (unknown !== undefined) refuse(`has a critical field that is not supported: ${unknown}`);
  const expiry = header["io.cncf.notary.expiry"];
  return {
    payload: Buffer.from(envelope.payload, "base64url"),
    scheme: header["io.cncf.notary.signingScheme"],
    ...(expiry !== undefined && { expiry: Date.parse(expiry) }),
    chain: envelope.header.x5c.map((text) => Buffer.from(text, "base64")),
    algorithm: header.alg,
    signed: Buffer.from(`${envelope.protected}.${envelope.payload}`),
    signature: Buffer.from(envelope.signature, "base64url"),
  };
}

/** The algorithm by the key's curve, or by its size in bits (signature-specification.md, "Algorithm Selection"). */
const ELLIPTIC: Readonly<Record<string, [alg: string, hash: string]>> = {
  prime256v1: ["ES256", "sha256"],
  secp384r1: ["ES384", "sha384"],
  secp521r1: ["ES512", "sha512"],
};
const RSA: Readonly<
  Record<number, [alg: string, hash: "SHA-256" | "SHA-384" | "SHA-512", salt: number]>
> = {
  2048: ["PS256", "SHA-256", 32],
  3072: ["PS384", "SHA-384", 48],
  4096: ["PS512", "SHA-512", 64],
};

/** Throws Refused unless the envelope is signed by the key, with the algorithm that its kind demands. */
export async function checkSignature(envelope: Envelope, key: KeyObject): Promise<void> {
  const { algorithm, signature, signed } = envelope;
  const { namedCurve = "", modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  const elliptic = key.asymmetricKeyType === "ec" ? ELLIPTIC[namedCurve] : undefined;
  const rsa = key.asymmetricKeyType === "rsa" ? RSA[modulusLength] : undefined;
  const [demanded] = elliptic ?? rsa ?? [];
  if (demanded === undefined) refuse("is by a kind of key that notation does not allow");
  if (algorithm !== demanded) refuse(`has the algorithm ${algorithm} in place of ${demanded}`);
  const isGood = elliptic
    ? isElliptic(key, elliptic[1], signed, signature)
    : rsa &&
      (await isPssSigned(
        { spki: spkiOf(key), hash: rsa[1], saltLength: rsa[2] },
        signed,
        signature,
      ));
  if (!isGood) refuse("is of other bytes, or not by the key of its certificate");
}

/** JWS has r and s side by side (RFC 7518, 3.4). workerd takes that form only with the key as text. */
function isElliptic(key: KeyObject, hash: string, data: Buffer, signature: Buffer): boolean {
  try {
    const pem = key.export({ type: "spki", format: "pem" });
    return verify(hash, data, { key: pem, dsaEncoding: "ieee-p1363" }, signature);
  } catch {
    return false;
  }
}
