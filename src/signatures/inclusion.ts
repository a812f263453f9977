// Inclusion proofs: that an entry is in the Merkle tree (RFC 6962, 2.1.1) whose root a log has signed in a checkpoint (a signed note).

import { createHash } from "node:crypto";
import type { TransparencyLogEntry } from "@sigstore/bundle";
import type { TLogAuthority } from "./authorities.ts";
import { isLogSignedBy } from "./keys.ts";
import { refuse } from "./refusal.ts";

/** Maximum number of hashes and of checkpoint signatures: a tree of 2^64 entries has 64 levels. */
const MAX_HASHES = 64;
const MAX_SIGNATURES = 32;

interface Checkpoint {
  size: bigint;
  root: Buffer;
}

/** Throws Refused unless the entry's proof leads to a root that its log has signed. */
export function checkInclusion(entry: TransparencyLogEntry, logs: readonly TLogAuthority[]): void {
  const proof = entry.inclusionProof;
  const envelope = proof?.checkpoint?.envelope;
  if (!proof || !envelope) refuse("has a log entry without a signed checkpoint");
  const own = logs.filter(({ logID }) => logID.equals(entry.logId.keyId));
  if (own.length === 0) refuse("is in a log that the trusted root does not have");
  const { size, root } = checkpointIn(envelope, own);
  const index = integerOf(proof.logIndex);
  if (index === undefined || index >= size) refuse("has a log entry beyond the end of its log");
  const { hashes } = proof;
  const inner = bits(index ^ (size - 1n));
  const border = ones(index >> BigInt(inner));
  if (hashes.length > MAX_HASHES || hashes.length !== inner + border)
    refuse("has an inclusion proof of the wrong length");
  let hash = leafHash(entry.canonicalizedBody);
  for (const [level, other] of hashes.entries()) {
    const isRight = level >= inner || ((index >> BigInt(level)) & 1n) === 1n;
    hash = isRight ? nodeHash(other, hash) : nodeHash(hash, other);
  }
  if (!hash.equals(root)) refuse("has an inclusion proof of another entry");
}

/** The checkpoint of a signed note; throws Refused unless one of the logs has signed it. */
function checkpointIn(envelope: string, logs: readonly TLogAuthority[]): Checkpoint {
  const end = envelope.indexOf("\n\n");
  if (end < 0) refuse("has a checkpoint without a signature");
  const note = envelope.slice(0, end + 1);
  const lines = envelope.slice(end + 2).split("\n", MAX_SIGNATURES);
  const isSigned = lines.some((line) => {
    const [, name, text] = /^\u2014 (\S+) (\S+)$/.exec(line) ?? [];
    if (name === undefined || text === undefined) return false;
    const bytes = Buffer.from(text, "base64");
    return logs.some(
      (log) =>
        log.baseURL.includes(name) &&
        // The first four bytes name the key.
        log.logID.subarray(0, 4).equals(bytes.subarray(0, 4)) &&
        isLogSignedBy(log.publicKey, Buffer.from(note), bytes.subarray(4)),
    );
  });
  if (!isSigned) refuse("has a checkpoint that is signed by no log of the trusted root");
  const [, sizeLine = "", rootLine = ""] = note.split("\n");
  const size = integerOf(sizeLine);
  if (size === undefined) refuse("has a malformed checkpoint");
  return { size, root: Buffer.from(rootLine, "base64") };
}

function integerOf(text: string): bigint | undefined {
  return /^\d{1,19}$/.test(text) ? BigInt(text) : undefined;
}

/** Number of bits. */
function bits(value: bigint): number {
  return value === 0n ? 0 : value.toString(2).length;
}

function ones(value: bigint): number {
  return value.toString(2).split("1").length - 1;
}

function leafHash(leaf: Buffer): Buffer {
  return createHash("sha256").update(Buffer.of(0)).update(leaf).digest();
}

function nodeHash(left: Buffer, right: Buffer): Buffer {
  return createHash("sha256").update(Buffer.of(1)).update(left).update(right).digest();
}
