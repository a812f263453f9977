// Contract of signature verification: the material that a caller gathers, its bounds, and the outcome. The room does no I/O and asks no clock.
//
// What to gather for an image's digest, in this order, until MAX_ARTIFACTS:
//   1. The tag `signatureTag(digest)`: cosign's `.sig` tag, one manifest whose layers are its signatures.
//   2. The referrers of the digest whose descriptor `claimsSignature` (open.ts): sigstore bundles, cosign's OCI 1.1 mode, notation.
// For each manifest: `blobsToRead(manifest)` (open.ts) says which of its layers to read, at most MAX_SIGNATURES of MAX_BLOB_BYTES each. A tag or
// referrer that the registry does not have is left out; one that could not be read is told in `unread`. Then ask `verifySignatures` (open.ts), and
// keep an outcome under `verifyVersion`.

import type { Signers } from "../config/signers.ts";
import type { VerifyEntry } from "../config/verify.ts";
import type { Digest } from "../oci/digest.ts";

/** Maximum number of signature manifests that are examined per image. */
export const MAX_ARTIFACTS = 32;
/** Maximum number of signatures that are examined per image: layers of a `.sig` manifest count each. */
export const MAX_SIGNATURES = 64;
/** Maximum size of a signature manifest in bytes; cosign's holds a certificate, a chain and a log entry per layer in annotations. */
export const MAX_ARTIFACT_BYTES = 1024 * 1024;
/** Maximum size of a payload, bundle or envelope in bytes. */
export const MAX_BLOB_BYTES = 256 * 1024;

/** Artifact type of sigstore bundles, and media type of their layer. */
export const BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json";
/** Config and artifact type of cosign's signatures in its OCI 1.1 mode. */
export const COSIGN_TYPE = "application/vnd.dev.cosign.artifact.sig.v1+json";
/** Media type of cosign's payloads, of `.sig` tags and of the OCI 1.1 mode. */
export const PAYLOAD_TYPE = "application/vnd.dev.cosign.simplesigning.v1+json";
/** Artifact type of notation's signatures. */
export const NOTATION_TYPE = "application/vnd.cncf.notary.signature";

/** Predicate type of a signature in a bundle; all others are attestations, which say something about an image and not that it may be used. */
export const SIGNATURE_PREDICATE = "https://sigstore.dev/cosign/sign/v1";

/** A signature manifest and the layers that `blobsToRead` named. Nothing here is trusted: digests, types and annotations are hints. */
export interface SignatureArtifact {
  /** Of the manifest; part of reasons and of `Proof`. */
  digest: Digest;
  manifest: Uint8Array;
  /** By digest; one that is absent was not read, which `unread` explains. */
  blobs: ReadonlyMap<Digest, Uint8Array>;
}

export interface Question {
  /** The digest that must be signed: of the manifest itself, or of an index that holds it. */
  image: Digest;
  /** The entry that decides: `entryFor` (policy/verify.ts). */
  entry: VerifyEntry;
  /** Of the configuration. */
  signers: Signers;
  artifacts: readonly SignatureArtifact[];
  /** The manifest whose digest is `image`, where it is at hand: bundles that sign it directly cannot be judged without. */
  manifest?: Uint8Array;
  /** Why the material is incomplete, as a clause such as "the upstream did not answer": then neither "unsigned" nor "invalid" is concluded. */
  unread?: string;
  /** In ms. Decides only whether notation's certificates and signatures have expired; keyless signatures never depend on it. */
  now: number;
}

/** One satisfied signer. */
export interface Proof {
  /** As in messages: "the key COSIGN_ACME", "https://github.com/… (https://token.actions.…)", "the certificate NOTARY". */
  signer: string;
  /** The signature manifest that holds the signature. */
  artifact: Digest;
  /** Trusted time of the signature, in ms: of a timestamp authority or a verified log entry. Absent where there is none. */
  at?: number;
}

export type Outcome =
  /** `until`, in ms: the outcome must be asked anew after it, since a certificate or a signature of notation ends then. */
  | { verdict: "verified"; by: Proof[]; until?: number }
  /** Nothing claims to be a signature of this image. Attestations and SBOMs are no signatures. */
  | { verdict: "unsigned" }
  /** Signatures exist and the entry is not satisfied. Reasons are sentences without an end, at most MAX_REASONS. */
  | { verdict: "invalid"; reasons: string[] }
  /** The material is incomplete (`unread`) or the configured key material cannot be used: nothing may be kept of this. */
  | { verdict: "undecided"; reason: string };

/** Maximum number of reasons in an outcome; the rest is counted in the last. */
export const MAX_REASONS = 8;
/** Maximum length of a reason in characters. */
export const MAX_REASON = 300;
