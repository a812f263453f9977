// Finding of a verdict: what clients are told of an image whose signatures do not suffice. Pure.

import type { Signer, Verification } from "../../config/verify.ts";
import type { Digest } from "../../oci/digest.ts";
import type { Source } from "../../policy/source.ts";
import type { Finding } from "../../policy/trust.ts";
import type { AdmissionPolicy, AdmissionRequest, Passing, Verdict } from "./contract.ts";

/** Undefined for a rule without `verify`. */
export function findingOf(
  request: Pick<AdmissionRequest, "source" | "digest" | "kind">,
  policy: AdmissionPolicy,
  verdict: Exclude<Verdict, Passing>,
): Finding | undefined {
  const { verify } = request.source.rule;
  if (!verify) return undefined;
  const { mode } = verify;
  const check = "signature" as const;
  if (verdict.verdict === "undecided") {
    const message = `cannot determine whether ${request.digest} is signed as ${asks(request.source, verify, policy)}: ${verdict.reason}`;
    return { check, mode, message, undecided: true };
  }
  const message = `${found(request, policy, verdict)}; ${remedy(request, policy)}`;
  return { check, mode, message };
}

function found(
  { source, digest, kind }: Pick<AdmissionRequest, "source" | "digest" | "kind">,
  policy: AdmissionPolicy,
  verdict: Exclude<Verdict, Passing | { verdict: "undecided" }>,
): string {
  const { verify } = source.rule;
  const asked = verify ? asks(source, verify, policy) : "";
  if (kind === "blob")
    return `no image of this repository that is signed as ${asked} names ${digest}`;
  if (!policy.entry) return `${digest} is refused: ${asked}`;
  if (verdict.verdict === "unsigned") return `${digest} is not signed, as ${asked}`;
  return `${digest} is not signed as ${asked}: ${verdict.reasons.join("; ")}`;
}

function remedy({ digest, kind }: { digest: Digest; kind: string }, { entry }: AdmissionPolicy) {
  const allow = "have an administrator allow the image for a time (entrepot allow)";
  if (kind === "blob") return `pull the image first, or ${allow}`;
  const sign = entry
    ? "sign it (cosign sign, or notation sign), which counts after 30 s at the latest"
    : "add an entry to verify";
  return `${sign}, or ${allow.replace("the image", digest)}`;
}

/** What the rule asks for, such as `verify[0] of the rule "acme" asks: by the key COSIGN_ACME`. */
function asks({ rule }: Source, verify: Verification, { entry }: AdmissionPolicy): string {
  if (!entry)
    return `no entry of verify in the rule "${rule.name}" matches the repository (verifyUnmatched)`;
  return `verify[${verify.entries.indexOf(entry)}] of the rule "${rule.name}" asks: ${signersOf(entry)}`;
}

/** The signers of an entry, in words. */
export function signersOf({ all, any }: Verification["entries"][number]): string {
  const one = any.length > 0 ? [`one of ${any.map(nameOf).join(", ")}`] : [];
  return `by ${[...all.map(nameOf), ...one].join(" and ")}`;
}

function nameOf(signer: Signer): string {
  switch (signer.kind) {
    case "key":
      return `the key ${signer.name}`;
    case "certificate":
      return `the certificate ${signer.name}`;
    case "keyless":
      return `${signer.identity} (${signer.issuer})`;
  }
}
