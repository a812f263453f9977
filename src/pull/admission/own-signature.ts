// Own signature of an image: whether it is signed as the policy's entry asks.

import type { Proof } from "../../signatures/contract.ts";
import { verifySignatures } from "../../signatures/open.ts";
import type { AdmissionPolicy, ContentRequest, Verdict } from "./contract.ts";
import { gatherSignatures } from "./gather.ts";

/** Never throws for what an upstream does. What is missing is looked for past all TTLs before it counts as missing.
 * @param force at once */
export async function ownSignature(
  request: ContentRequest,
  policy: AdmissionPolicy,
  manifest: Uint8Array | undefined,
  force: boolean,
): Promise<Verdict> {
  const { entry } = policy;
  if (!entry) return { verdict: "unsigned" };
  const { artifacts, unread, isCut, isOld } = await gatherSignatures(request, force);
  const { digest, pull } = request;
  const outcome = await verifySignatures({
    image: digest,
    entry,
    signers: pull.signers ?? { pems: {} },
    artifacts,
    ...(manifest && { manifest }),
    ...(unread !== undefined && { unread }),
    now: pull.now,
  });
  if (outcome.verdict === "verified") {
    const { until } = outcome;
    const by = `signed by ${signersOf(outcome.by)}`;
    return { verdict: "trusted", by, ...(until !== undefined && { until }) };
  }
  if (outcome.verdict === "undecided") return outcome;
  if (isOld && !force) return ownSignature(request, policy, manifest, true);
  if (!isCut) return outcome;
  const cut = "there are more signatures or referrers than are examined";
  const reasons = outcome.verdict === "invalid" ? outcome.reasons : [];
  return { verdict: "invalid", reasons: [...new Set([...reasons, cut])] };
}

function signersOf(proofs: readonly Proof[]): string {
  return [...new Set(proofs.map(({ signer }) => signer))].join(" and ");
}
