// Bodies of log entries: Rekor's kinds hashedrekord and dsse, in versions 0.0.1 (Rekor 1) and 0.0.2 (Rekor 2).

import { z } from "zod";
import { jsonOf } from "./claims.ts";
import { derOf } from "./pem.ts";
import { refuse } from "./refusal.ts";

/** What an entry says that was signed, and by whom. */
export interface Logged {
  kind: string;
  version: string;
  /** The digest is of the payload of a DSSE envelope, and not of the signed bytes. */
  isEnvelope: boolean;
  algorithm: "sha256" | "sha384" | "sha512";
  digest: Buffer;
  signature: Buffer;
  /** The certificate or the public key (SPKI), in DER. */
  signer: { certificate: Buffer } | { key: Buffer };
}

type Read = Omit<Logged, "kind" | "version">;

const base64 = z.base64().transform((text) => Buffer.from(text, "base64"));
const hex = z.hex().transform((text) => Buffer.from(text, "hex"));

/** Of version 1: a PEM, in base64 once more. */
const pem = base64.transform((text, context): Logged["signer"] => {
  const read = derOf(text.toString("latin1"));
  if (read) return read;
  context.issues.push({ code: "custom", input: undefined, message: "must be a PEM" });
  return z.NEVER;
});
const hash1 = z.object({ algorithm: z.enum(["sha256", "sha384", "sha512"]), value: hex });

const NAMES = { SHA2_256: "sha256", SHA2_384: "sha384", SHA2_512: "sha512" } as const;
const hash2 = z
  .object({ algorithm: z.enum(["SHA2_256", "SHA2_384", "SHA2_512"]), digest: base64 })
  .transform(({ algorithm, digest }) => ({ algorithm: NAMES[algorithm], digest }));
const signature2 = z
  .object({
    content: base64,
    verifier: z.union([
      z
        .object({ x509Certificate: z.object({ rawBytes: base64 }) })
        .transform((given) => ({ certificate: given.x509Certificate.rawBytes })),
      z
        .object({ publicKey: z.object({ rawBytes: base64 }) })
        .transform((given) => ({ key: given.publicKey.rawBytes })),
    ]),
  })
  .transform(({ content, verifier }) => ({ signature: content, signer: verifier }));

/** By kind and version. */
const BODIES: Readonly<Record<string, z.ZodType<Read>>> = {
  "hashedrekord 0.0.1": z
    .object({
      data: z.object({ hash: hash1 }),
      signature: z.object({ content: base64, publicKey: z.object({ content: pem }) }),
    })
    .transform(({ data: { hash }, signature }) => ({
      isEnvelope: false,
      algorithm: hash.algorithm,
      digest: hash.value,
      signature: signature.content,
      signer: signature.publicKey.content,
    })),
  "dsse 0.0.1": z
    .object({
      payloadHash: hash1,
      signatures: z.tuple([z.object({ signature: base64, verifier: pem })]),
    })
    .transform(({ payloadHash: hash, signatures: [one] }) => ({
      isEnvelope: true,
      algorithm: hash.algorithm,
      digest: hash.value,
      signature: one.signature,
      signer: one.verifier,
    })),
  "hashedrekord 0.0.2": z
    .object({ hashedRekordV002: z.object({ data: hash2, signature: signature2 }) })
    .transform(({ hashedRekordV002: { data, signature } }) => ({
      isEnvelope: false,
      ...data,
      ...signature,
    })),
  "dsse 0.0.2": z
    .object({ dsseV002: z.object({ payloadHash: hash2, signatures: z.tuple([signature2]) }) })
    .transform(({ dsseV002: { payloadHash, signatures } }) => ({
      isEnvelope: true,
      ...payloadHash,
      ...signatures[0],
    })),
};

const head = z.object({ kind: z.string(), apiVersion: z.string(), spec: z.unknown().optional() });

/** Reads the body of an entry; throws Refused for one that is malformed or of another kind. */
export function loggedIn(body: Buffer): Logged {
  const { data } = head.safeParse(jsonOf(body));
  if (!data) refuse("has a malformed log entry");
  const { kind, apiVersion: version, spec } = data;
  const name = `${kind} ${version}`;
  const schema = Object.hasOwn(BODIES, name) ? BODIES[name] : undefined;
  if (!schema) refuse(`has a log entry of a kind that is not supported: ${name}`);
  const read = schema.safeParse(spec);
  if (!read.success) refuse(`has a malformed log entry of the kind ${name}`);
  return { kind, version, ...read.data };
}
