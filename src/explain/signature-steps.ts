// Step of signatures: what a rule's `verify` asks for, and whether the digest is known to satisfy it. Pure.

import type { Source } from "../policy/source.ts";
import type { Facts } from "./facts.ts";
import { type Step, step } from "./steps.ts";
import { isDigestAllowed } from "./trust-steps.ts";
import { short, words } from "./words.ts";

export function signatureSteps(facts: Facts, source: Source): Step[] {
  const { signature, digest, now } = facts;
  if (!signature || isDigestAllowed(facts, source)) return [];
  const { mode, asks, kept } = signature;
  const isEnforced = mode === "enforce";
  if (kept && digest) {
    const text = `${short(digest)} passes verify (${kept.by}), as decided or renewed ${words(now - kept.at)} ago`;
    return [step("signature", "good", text)];
  }
  const happens = isEnforced ? "refused" : "served, and reported";
  const exempt = "unless it is a signature, attestation or SBOM";
  if (asks === undefined) {
    const text = `no entry of verify matches the repository (verifyUnmatched): it is ${happens}, ${exempt}`;
    return [step("signature", isEnforced ? "bad" : "careful", text)];
  }
  const text = `verify asks for a signature ${asks}: the next pull looks for one; an image without it is ${happens}, ${exempt}`;
  return [step("signature", "careful", text)];
}
