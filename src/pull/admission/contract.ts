// Admission contract: what is judged, and what was found. Plain data.

import type { Catalog } from "../../catalog/contract.ts";
import type { VerifyEntry } from "../../config/verify.ts";
import type { Fills } from "../../fill/contract.ts";
import type { Digest } from "../../oci/digest.ts";
import type { Source } from "../../policy/source.ts";
import type { AdmissionName } from "../../store/admissions.ts";
import type { NearBlobs } from "../../store/near-blobs.ts";
import type { NearManifests } from "../../store/near-manifests.ts";
import type { Links } from "../links.ts";
import type { Pull } from "../pull.ts";

/** The services that a decision works with. */
export interface AdmissionServices {
  fills: Fills;
  manifests: NearManifests;
  blobs: NearBlobs;
  links: Links;
  catalog: Pick<Catalog, "parents">;
}

/** A manifest or blob of a repository that a decision needs. */
export interface ContentRequest {
  readonly services: AdmissionServices;
  readonly source: Source;
  readonly digest: Digest;
  readonly pull: Pull;
}

/** A digest of a repository that a rule with `verify` is about to serve. */
export interface AdmissionRequest extends ContentRequest {
  readonly kind: AdmissionName["kind"];
  /** Of a manifest, where they are at hand. */
  readonly bytes?: Uint8Array;
  /** Tag that it was requested by. */
  readonly tag?: string;
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
