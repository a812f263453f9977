// Candidates: the signatures in the material, brought into one form whatever holds them.

import type { TransparencyLogEntry } from "@sigstore/bundle";
import type { Digest } from "../oci/digest.ts";

/** A signature of cosign, by a key or by a certificate of Fulcio. All of it is foreign. */
export interface SigstoreCandidate {
  format: "sigstore";
  artifact: Digest;
  /** The signed bytes: a payload, an envelope's pre-authentication encoding, or the image's manifest. */
  data: Buffer;
  /** The payload of a DSSE envelope. */
  envelope?: Buffer;
  signature: Buffer;
  /** The signer's certificate in DER. */
  certificate?: Buffer;
  entries: TransparencyLogEntry[];
  /** RFC 3161 responses in DER. */
  timestamps: Buffer[];
}

/** A signature of notation. */
export interface NotationCandidate {
  format: "notation";
  artifact: Digest;
  /** JWS in JSON serialization. */
  envelope: Uint8Array;
}

/** A signature that counts for no signer, and why: a clause that follows "the signature in …". */
export interface BadCandidate {
  format: "none";
  artifact: Digest;
  why: string;
}

export type Candidate = SigstoreCandidate | NotationCandidate | BadCandidate;
