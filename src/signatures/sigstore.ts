// Signatures of cosign: by a key, or keyless by a certificate of Fulcio with a log entry and a trusted time.

import type { KeyObject } from "node:crypto";
import { RFC3161Timestamp, X509Certificate } from "@sigstore/core";
import { Verifier } from "@sigstore/verify";
import type { Signer } from "../config/verify.ts";
import { globMatcher } from "../policy/glob.ts";
import type { Authorities } from "./authorities.ts";
import type { SigstoreCandidate } from "./candidates.ts";
import { identityOf } from "./identity.ts";
import { isSignedBy, keyOf, spkiOf } from "./keys.ts";
import { checkEntry } from "./log.ts";
import { refuse, refusing } from "./refusal.ts";

type Keyless = Extract<Signer, { kind: "keyless" }>;
type Entity = Parameters<Verifier["verify"]>[0];
type Time = Entity["timestamps"][number];

/** Maximum number of log entries and of timestamps of one signature. */
const MAX_ENTRIES = 8;

/** Trusted time of a signature, in ms. */
export interface Signed {
  at?: number;
}

/** Throws Refused unless the candidate is by the key. @param log an entry in the transparency log is needed */
export async function checkKey(
  candidate: SigstoreCandidate,
  key: KeyObject,
  log: boolean,
  authorities: () => Authorities,
): Promise<Signed> {
  const { data, signature } = candidate;
  if (!(await isSignedBy(key, data, signature))) refuse("is by another key, or of other bytes");
  if (!log) return {};
  const times = timesInLog(candidate, spkiOf(key), authorities());
  const [at] = times.map(({ at }) => at);
  return at === undefined ? {} : { at };
}

/** Throws Refused unless the candidate is by a certificate of the authorities for the signer's identity. */
export async function checkKeyless(
  candidate: SigstoreCandidate,
  signer: Keyless,
  authorities: () => Authorities,
): Promise<Signed> {
  const { data, signature } = candidate;
  const der = candidate.certificate;
  if (!der) refuse("is by a key, and has no certificate");
  const certificate = refusing("has a malformed certificate", () =>
    X509Certificate.parse(Buffer.from(der)),
  );
  const { identity, issuer } = refusing("has a malformed certificate", () =>
    identityOf(certificate),
  );
  if (issuer !== signer.issuer || !globMatcher(signer.identity)(identity))
    refuse(`is by ${identity} (${issuer})`);
  const spki = refusing("has a malformed certificate", () => certificate.publicKey);
  const key = keyOf(spki);
  if (!key || !(await isSignedBy(key, data, signature)))
    refuse("is of other bytes, or not by the key of its certificate");
  const known = authorities();
  const logged = timesInLog(candidate, spki, known).map(({ time }) => time);
  const stamped = candidate.timestamps.map((stamp) =>
    refusing("has a malformed timestamp", (): Time => {
      const timestamp = RFC3161Timestamp.parse(Buffer.from(stamp));
      return { $case: "timestamp-authority", timestamp };
    }),
  );
  const at = timeWithin(certificate, signature, [...logged, ...stamped], known);
  checkLogsThen(candidate, at, known);
  return { at };
}

/** Throws Refused if a log's key was not valid at the time: an inclusion proof, unlike a promise, has none to compare it with. */
function checkLogsThen({ entries }: SigstoreCandidate, at: number, { tlogs }: Authorities): void {
  const then = new Date(at);
  const valid = tlogs.filter(({ validFor }) => validFor.start <= then && then <= validFor.end);
  const isValid = entries.every(({ logId }) =>
    valid.some(({ logID }) => logID.equals(logId?.keyId ?? Buffer.alloc(0))),
  );
  if (!isValid) refuse("is in a log whose key was not valid at the time of the signature");
}

/** Verifies the log entries, of which there must be one. @returns the trusted times among them */
function timesInLog(
  candidate: SigstoreCandidate,
  key: Buffer,
  { tlogs }: Authorities,
): { at: number; time: Time }[] {
  const { entries } = candidate;
  if (entries.length === 0) refuse("has no entry in the transparency log");
  if (entries.length > MAX_ENTRIES) refuse("has too many log entries");
  return entries.flatMap((entry) => {
    const at = checkEntry(entry, { ...candidate, key }, tlogs);
    if (at === undefined) return [];
    return [{ at, time: { $case: "transparency-log", tlogEntry: entry } }];
  });
}

/** The earliest time, in ms. Throws Refused if there is none, since the present time never counts; if one cannot be verified, or lies outside of
 * the certificate's validity under one of the authorities; or if no certificate log has signed for the certificate (SCT). */
function timeWithin(
  certificate: X509Certificate,
  signature: Buffer,
  times: readonly Time[],
  authorities: Authorities,
): number {
  if (times.length === 0)
    refuse("has no trusted time: neither a timestamp nor a log entry with a promise (SET)");
  if (times.length > 2 * MAX_ENTRIES) refuse("has too many timestamps");
  const verifier = new Verifier(authorities, {
    ctlogThreshold: 1,
    timestampThreshold: 1,
    // Entries are verified by now (log.ts).
    tlogThreshold: 0,
  });
  // The signature is verified by now: workerd has no default hash for ECDSA, which the library asks for.
  const content = {
    signature,
    compareSignature: () => false,
    compareDigest: () => false,
    compareSignedDigest: () => false,
    verifySignature: () => true,
  };
  const key = { $case: "certificate", certificate } as const;
  refusing("has no trusted time within its certificate", () =>
    verifier.verify({ signature: content, key, tlogEntries: [], timestamps: [...times] }),
  );
  return Math.min(...times.map(millisecondsOf));
}

function millisecondsOf(time: Time): number {
  return time.$case === "timestamp-authority"
    ? time.timestamp.signingTime.getTime()
    : Number(time.tlogEntry.integratedTime) * 1_000;
}
