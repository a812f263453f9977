// Trusted root of keyless signatures, in sigstore's format: the certificate authorities, logs and timestamp authorities that count. The
// variable TRUSTED_ROOT replaces the one that comes with the release.

import { createPublicKey, X509Certificate } from "node:crypto";
import { z } from "zod";
import { describe } from "./issues.ts";
import { parseJson } from "./json.ts";

const WORDS =
  "must be a trusted root: the JSON text of a trusted_root.json of sigstore's TUF repository";

function schemaOf() {
  const bytes = z.base64({ error: "must be base64" }).min(1, "must not be empty");
  const time = z.iso.datetime({ error: "must be a time", offset: true });
  const validFor = z.object({ start: time.optional(), end: time.optional() });

  const certificate = z.object({
    rawBytes: bytes.refine(isCertificate, { error: "must be a certificate in DER" }),
  });

  const authority = z.object({
    certChain: z.object({ certificates: z.array(certificate).min(1).max(10) }),
    validFor: validFor.optional(),
  });

  const log = z.object({
    baseUrl: z.string().max(1_024),
    publicKey: z.object({
      rawBytes: bytes.refine(isPublicKey, { error: "must be a public key in DER" }),
      keyDetails: z.string(),
      validFor: validFor.optional(),
    }),
    logId: z.object({ keyId: bytes }),
    checkpointKeyId: z.object({ keyId: bytes }).optional(),
  });

  const some = <T extends z.ZodType>(item: T, words: string) =>
    z.array(item, { error: words }).min(1, words).max(100, "must contain at most 100");

  return z.looseObject(
    {
      mediaType: z
        .string()
        .regex(
          /^application\/vnd\.dev\.sigstore\.trustedroot(\+json;version=0\.[12]|\.v0\.[12]\+json)$/,
          "must be application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        ),
      certificateAuthorities: some(authority, "must contain a certificate authority (Fulcio)"),
      tlogs: some(log, "must contain a transparency log (Rekor)"),
      ctlogs: some(log, "must contain a certificate transparency log"),
      timestampAuthorities: z.array(authority).max(100).optional(),
    },
    { error: WORDS },
  );
}

type Schema = ReturnType<typeof schemaOf>;
export type TrustedRoot = z.infer<Schema>;

let schema: Schema | undefined;

/** Schema of a trusted root; other fields are ignored. Built when it is needed: most deployments set no root of their own. */
export function trustedRootSchema(): Schema {
  schema ??= schemaOf();
  return schema;
}

/** The variable as JSON text; undefined if it is not set. @param problems receives what is wrong */
export function readTrustedRoot(given: unknown, problems: string[]): string | undefined {
  if (given === undefined || given === "") return undefined;
  const json = parseJson(given);
  if ("problem" in json) {
    problems.push(`TRUSTED_ROOT: ${json.problem}`);
    return undefined;
  }
  const parsed = trustedRootSchema().safeParse(json.value);
  if (parsed.success) return JSON.stringify(json.value);
  problems.push(
    ...parsed.error.issues.flatMap((issue) => describe("TRUSTED_ROOT", issue, "a trusted root")),
  );
  return undefined;
}

/** When the first kind of material has nothing left that is valid, in ms since the epoch; undefined if none ends. Signatures that were made
 * before stay valid: new ones may be by authorities that this root does not know. */
export function trustedRootEnds(root: TrustedRoot): number | undefined {
  const { certificateAuthorities, tlogs, ctlogs, timestampAuthorities = [] } = root;
  const ofLogs = (logs: TrustedRoot["tlogs"]) =>
    lastOf(logs.map(({ publicKey }) => endOf(publicKey.validFor)));
  const ofAuthorities = (authorities: TrustedRoot["certificateAuthorities"]) =>
    lastOf(
      authorities.map(({ certChain, validFor }) =>
        Math.min(
          endOf(validFor),
          ...certChain.certificates.map(({ rawBytes }) => notAfter(rawBytes)),
        ),
      ),
    );
  const end = Math.min(
    ofAuthorities(certificateAuthorities),
    ofLogs(tlogs),
    ofLogs(ctlogs),
    timestampAuthorities.length > 0 ? ofAuthorities(timestampAuthorities) : Infinity,
  );
  return Number.isFinite(end) ? end : undefined;
}

/** A root is told to end from so long before, in ms. */
export const ROOT_WARNING = 30 * 24 * 60 * 60_000;

function lastOf(ends: number[]): number {
  return Math.max(...ends);
}

function endOf(range: { end?: string | undefined } | undefined): number {
  return range?.end === undefined ? Infinity : Date.parse(range.end);
}

function notAfter(der: string): number {
  return Date.parse(new X509Certificate(Buffer.from(der, "base64")).validTo);
}

function isCertificate(der: string): boolean {
  try {
    return new X509Certificate(Buffer.from(der, "base64")).raw.length > 0;
  } catch {
    return false;
  }
}

/** RSA keys may be in PKCS#1 too. */
function isPublicKey(der: string): boolean {
  return (["spki", "pkcs1"] as const).some((type) => {
    try {
      const key = { key: Buffer.from(der, "base64"), format: "der", type } as const;
      return createPublicKey(key).type === "public";
    } catch {
      return false;
    }
  });
}
