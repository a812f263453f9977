// Admission contract: what is judged, and what was found. Plain data.

import type { VerifyEntry } from "../../config/verify.ts";
import type { AdmissionName } from "../../store/admissions.ts";
import type { DigestRequest } from "../request.ts";

/** A digest of a repository that a rule with `verify` is about to serve. */
export interface AdmissionRequest extends DigestRequest {
  readonly kind: AdmissionName["kind"];
  /** Of a manifest, where they are at hand. */
  readonly bytes?: Uint8Array;
}

/** The policy that decides for a repository. */
export interface AdmissionPolicy {
  /** Undefined where no entry matches and the rule refuses that. */
  entry: VerifyEntry | undefined;
  /** Under which outcomes are kept (signatures/open). */
  version: string;
}

export type Verdict =
  | { verdict: "trusted"; by: string; until?: number }
  /** A signature, attestation or SBOM, or a blob of one. */
  | { verdict: "exempt"; by: string }
  /** Part of an image that an administrator has allowed: never kept, since the allowance may end at any time. */
  | { verdict: "allowed" }
  | { verdict: "unsigned" }
  | { verdict: "invalid"; reasons: string[] }
  | { verdict: "undecided"; reason: string };

export type Passing = Extract<Verdict, { verdict: "trusted" | "exempt" | "allowed" }>;

export function passes(verdict: Verdict): verdict is Passing {
  return ["trusted", "exempt", "allowed"].includes(verdict.verdict);
}
