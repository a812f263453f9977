// Key material of signers: the PEMs that `verify` names and the trusted root, read from variables and secrets and kept out of the rules.

import { createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import type { Signer, Verification } from "./verify.ts";

/** Public keys and certificates in PEM by the name of their variable, of all rules; and the trusted root of keyless signatures. */
export interface Signers {
  readonly pems: Readonly<Record<string, string>>;
  /** TRUSTED_ROOT, as JSON text; undefined for the root that comes with the release. */
  readonly root?: string;
}

type Env = Readonly<Record<string, unknown>>;

/** A problem's text holds nothing of the value. */
export type ReadPems =
  | { pems: Record<string, string> }
  | { problem: string /** Name of the variable. */; secret: string };

/** Reads the PEMs of a rule's signers. A missing or malformed one makes the rule unusable: its images would be refused, or let through. */
export function readPems(verification: Verification, env: Env): ReadPems {
  const pems: Record<string, string> = {};
  for (const [index, { all, any }] of verification.entries.entries())
    for (const signer of [...all, ...any]) {
      if (signer.kind === "keyless") continue;
      const pem = env[signer.name];
      const problem = pemProblem(signer, pem);
      if (problem !== undefined)
        return { problem: `verify[${index}].${signer.kind}: ${problem}`, secret: signer.name };
      pems[signer.name] = pem as string;
    }
  return { pems };
}

/** Maximum length of a PEM in characters: a variable holds at most 5 KB. */
const MAX_PEM = 64 * 1024;

function pemProblem(
  signer: Exclude<Signer, { kind: "keyless" }>,
  pem: unknown,
): string | undefined {
  const { name } = signer;
  if (pem === undefined || pem === "")
    return `the variable or secret ${name} is not set: \`npx wrangler secret put ${name}\``;
  if (typeof pem !== "string" || pem.length > MAX_PEM) return `${name} must be text in PEM`;
  if (/PRIVATE KEY/i.test(pem))
    return `${name} holds a private key, which belongs to the signer alone: put the public one there, and replace the key pair`;
  if (signer.kind === "certificate")
    return certificatesIn(pem) ? undefined : `${name} must be one or more certificates in PEM`;
  const key = publicKeyIn(pem);
  if (!key) return `${name} must be one public key in PEM (-----BEGIN PUBLIC KEY-----)`;
  return keyProblem(key, name);
}

const BLOCK = (label: string) =>
  new RegExp(`-----BEGIN ${label}-----[A-Za-z0-9+/=\\s]+-----END ${label}-----`, "g");
const PUBLIC_KEY = BLOCK("PUBLIC KEY");
const CERTIFICATE = BLOCK("CERTIFICATE");

/** The blocks of a PEM; undefined if it holds anything else. */
function blocksOf(pem: string, pattern: RegExp): string[] | undefined {
  const blocks = pem.match(pattern);
  return blocks && pem.replace(pattern, "").trim() === "" ? blocks : undefined;
}

/** The public key of a PEM that holds nothing else. */
export function publicKeyIn(pem: string): KeyObject | undefined {
  const [block, ...others] = blocksOf(pem, PUBLIC_KEY) ?? [];
  if (block === undefined || others.length > 0) return undefined;
  try {
    return createPublicKey(block);
  } catch {
    return undefined;
  }
}

/** The certificates, in DER, of a PEM that holds nothing else. */
export function certificatesIn(pem: string): Buffer[] | undefined {
  const blocks = blocksOf(pem, CERTIFICATE);
  try {
    return blocks?.map((block) => Buffer.from(new X509Certificate(block).raw));
  } catch {
    return undefined;
  }
}

/** Elliptic curves by OpenSSL's names, with the hashes that signatures by their keys may use. */
export const CURVES: Readonly<Record<string, readonly string[]>> = {
  prime256v1: ["sha256"],
  secp384r1: ["sha256", "sha384"],
  secp521r1: ["sha256", "sha512"],
};

/** Smallest RSA key, in bits, as cosign and notation have it. */
const MIN_RSA = 2_048;

function keyProblem(key: KeyObject, name: string): string | undefined {
  const { namedCurve = "", modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case "ec":
      return namedCurve in CURVES
        ? undefined
        : `${name} must be on one of the curves P-256, P-384 and P-521`;
    case "rsa":
      return modulusLength >= MIN_RSA ? undefined : `${name} must have at least ${MIN_RSA} bits`;
    case "ed25519":
      return undefined;
  }
  return `${name} must be an ECDSA, Ed25519 or RSA key`;
}
