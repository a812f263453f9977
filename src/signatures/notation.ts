// Signatures of notation: a JWS by a certificate that leads to the configured one, under the rules of notation's trust store `ca`. Revocation
// is not asked: the room does no I/O.

import { z } from "zod";
import type { Digest } from "../oci/digest.ts";
import type { NotationCandidate } from "./candidates.ts";
import { checkChain } from "./chain.ts";
import { jsonOf } from "./claims.ts";
import { checkSignature, envelopeIn } from "./jws.ts";
import { keyOf } from "./keys.ts";
import { refuse } from "./refusal.ts";

export interface Notary {
  image: Digest;
  /** Configured certificates in DER. */
  trusted: readonly Buffer[];
  /** In ms: without a timestamp, certificates must be valid at the time of verification (trust-store-trust-policy.md, "Authentic Timestamp"). */
  now: number;
}

/** The scheme of the trust store `ca`. The other, notary.x509.signingAuthority, needs a trust store of its own, whose authorities are
 * believed about the time. */
const SCHEME = "notary.x509";

const payloadSchema = z.object({ targetArtifact: z.object({ digest: z.string() }) });

/** Throws Refused unless the candidate is a signature of the image. @returns until when it counts, in ms */
export async function checkNotation(
  { envelope: bytes }: NotationCandidate,
  { image, now, trusted }: Notary,
): Promise<{ until: number }> {
  const envelope = envelopeIn(bytes);
  const { chain, expiry = Number.POSITIVE_INFINITY, payload, scheme } = envelope;
  const { data } = payloadSchema.safeParse(jsonOf(payload));
  if (!data) refuse("has a payload that is not notation's");
  const { digest } = data.targetArtifact;
  if (digest !== image) refuse(`is of another image: ${digest}`);
  if (scheme !== SCHEME) refuse(`has the signing scheme ${scheme}, which is not supported`);
  const { key: spki, until } = checkChain(chain, trusted, now);
  const key = keyOf(spki);
  if (!key) refuse("is by a kind of key that notation does not allow");
  await checkSignature(envelope, key);
  if (expiry <= now) refuse("has expired");
  return { until: Math.min(expiry, until) };
}
