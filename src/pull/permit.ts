// Permission: applies a rule's allow and deny lists and the quarantine before anything is looked up.

import { type Algorithm, type Digest, otherAlgorithm } from "../oci/digest.ts";
import { RegistryError } from "../oci/error.ts";
import {
  denied,
  isDigestDenied,
  isNameAllowed,
  isTagAllowed,
  speaksOfTags,
} from "../policy/allowed.ts";
import { ownName, type Source } from "../policy/source.ts";
import type { Layout } from "../store/segments.ts";
import type { Pull } from "./pull.ts";
import type { DigestRequest, RepositoryRequest } from "./request.ts";

export type Quarantine = Pick<Pull, "quarantined">;

/** Throws DENIED (403) if nothing in this repository may be pulled. */
export function permitName(source: Source): void {
  if (!isNameAllowed(source)) throw denied(source.rule, `"${ownName(source)}"`);
}

/** Throws DENIED (403) for a denied tag. */
export function permitTag(source: Source, tag: string): void {
  if (!isTagAllowed(source, tag)) throw denied(source.rule, `"${ownName(source)}:${tag}"`);
}

/** Checks the digest that a permitted tag points to. Throws DENIED (403) if it is denied or in quarantine. */
export function permitMeant(source: Source, digest: Digest, { quarantined }: Quarantine): void {
  const reason = quarantined.get(digest);
  if (reason !== undefined)
    throw new RegistryError("DENIED", `${digest} is in quarantine: ${reason}`, {
      refusal: { by: "quarantine", digest },
    });
  if (isDigestDenied(source.rule, digest)) throw denied(source.rule, digest, digest);
}

/** Also checks the digest of the same bytes by the other algorithm, so that a deny covers both spellings. `twin` computes it and
 * is called only if the lists contain digests of that algorithm. */
export async function permitBytes(
  source: Source,
  digest: Digest,
  held: Quarantine,
  twin: () => Digest | undefined | Promise<Digest | undefined>,
): Promise<void> {
  if (!mayTwinBeRefused(source, digest, held)) return;
  const other = await twin();
  // Fails closed: an unknown twin digest is refused rather than served against a list.
  if (other === undefined)
    throw new RegistryError("UNAVAILABLE", `cannot determine whether ${digest} is denied`, {
      status: 503,
      headers: { "Retry-After": "5" },
      refusal: { by: "list", digest },
    });
  permitMeant(source, other, held);
}

/** Whether the lists contain digests of the other algorithm at all. */
export function mayTwinBeRefused(
  { rule }: Source,
  digest: Digest,
  { quarantined }: Quarantine,
): boolean {
  const algorithm = otherAlgorithm(digest);
  const isListed = (other: string) => other.startsWith(`${algorithm}:`);
  return rule.denyDigests.some(isListed) || hasOf(quarantined, algorithm);
}

/** As `permitBytes`, for a stored blob. */
export function permitStored(
  { services, source, pull }: RepositoryRequest,
  { digest, twin }: Layout,
): Promise<void> {
  return permitBytes(source, digest, pull, () => twin ?? services.fills.blobTwin(digest));
}

/** Quarantine page → algorithms in it. Every request reads the page, but it rarely changes. */
const algorithms = new WeakMap<ReadonlyMap<string, string>, Set<string>>();

function hasOf(quarantined: Quarantine["quarantined"], algorithm: Algorithm): boolean {
  let known = algorithms.get(quarantined);
  if (!known) {
    known = new Set([...quarantined.keys()].map((digest) => digest.split(":")[0] as string));
    algorithms.set(quarantined, known);
  }
  return known.has(algorithm);
}

/** Under lists that distinguish tags, permits a digest only if an allowed tag leads to it. Throws DENIED (403). */
export async function permitDigest(request: DigestRequest): Promise<void> {
  const { services, source, digest, pull } = request;
  permitName(source);
  permitMeant(source, digest, pull);
  if (source.rule.allowDigests || !speaksOfTags(source)) return;
  if (await services.lineage.isOfAllowedTag(source, digest)) return;
  const what = `${digest}, which no allowed tag that was pulled here leads to,`;
  throw denied(source.rule, what, digest);
}
