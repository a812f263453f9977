// Transparency log entries: proof that a log holds the entry, and that the entry is of this signature, in Rekor's versions 1 and 2. Our own,
// since @sigstore/verify verifies logs without naming the hash, which workerd refuses for ECDSA keys.

import { createHash } from "node:crypto";
import type { TransparencyLogEntry } from "@sigstore/bundle";
import type { TLogAuthority } from "./authorities.ts";
import { checkInclusion } from "./inclusion.ts";
import { isLogSignedBy } from "./keys.ts";
import { type Logged, loggedIn } from "./logged.ts";
import { refuse } from "./refusal.ts";

/** The signature that an entry must be of. */
export interface Signed {
  /** The bytes that the signature is over: a payload, or a DSSE envelope's pre-authentication encoding. */
  data: Buffer;
  /** The payload of a DSSE envelope. */
  envelope?: Buffer;
  signature: Buffer;
  /** The signer's key, as SPKI in DER. */
  key: Buffer;
  /** The signer's certificate in DER, if there is one. */
  certificate?: Buffer;
}

/** Throws Refused unless the entry is in one of the logs, and of this signature.
 * @returns the trusted time in ms: only of an entry with a promise (SET), which signs it; an inclusion proof has none */
export function checkEntry(
  entry: TransparencyLogEntry,
  signed: Signed,
  logs: readonly TLogAuthority[],
): number | undefined {
  if (!entry.inclusionPromise && !entry.inclusionProof)
    refuse("has a log entry without a proof that the log holds it");
  checkBody(entry, signed);
  if (entry.inclusionProof) checkInclusion(entry, logs);
  return entry.inclusionPromise ? promisedTime(entry, logs) : undefined;
}

/** The time at which a log promised to include the entry (signed entry timestamp), in ms. */
function promisedTime(entry: TransparencyLogEntry, logs: readonly TLogAuthority[]): number {
  const { canonicalizedBody, integratedTime, logId, logIndex } = entry;
  const seconds = Number(integratedTime);
  const index = Number(logIndex);
  if (!Number.isSafeInteger(seconds) || seconds <= 0 || !Number.isSafeInteger(index))
    refuse("has a log entry without a time");
  const at = new Date(seconds * 1_000);
  const promise = entry.inclusionPromise?.signedEntryTimestamp ?? Buffer.alloc(0);
  // Canonical JSON (RFC 8785): without spaces, keys in order.
  const data = JSON.stringify({
    body: canonicalizedBody.toString("base64"),
    integratedTime: seconds,
    logID: logId.keyId.toString("hex"),
    logIndex: index,
  });
  const isPromised = logs.some(
    (log) =>
      log.logID.equals(logId.keyId) &&
      log.validFor.start <= at &&
      at <= log.validFor.end &&
      isLogSignedBy(log.publicKey, Buffer.from(data), promise),
  );
  if (!isPromised) refuse("has a log entry whose timestamp (SET) is by no log of the trusted root");
  return at.getTime();
}

/** Throws Refused unless the entry's body is of this signature: the same bytes, signature and signer. */
function checkBody({ canonicalizedBody, kindVersion }: TransparencyLogEntry, signed: Signed): void {
  const logged = loggedIn(canonicalizedBody);
  if (logged.kind !== kindVersion.kind || logged.version !== kindVersion.version)
    refuse("has a log entry of another kind than it says");
  if (!logged.signature.equals(signed.signature)) refuse("has a log entry of another signature");
  const content = logged.isEnvelope ? signed.envelope : signed.data;
  if (!content || !isDigestOf(logged, content)) refuse("has a log entry of other bytes");
  const { signer } = logged;
  const isSigner =
    "certificate" in signer
      ? signed.certificate?.equals(signer.certificate)
      : signed.key.equals(signer.key);
  if (!isSigner) refuse("has a log entry of another signer");
}

function isDigestOf({ algorithm, digest }: Logged, content: Buffer): boolean {
  return createHash(algorithm).update(content).digest().equals(digest);
}
