// Permission: what a rule's lists refuse is refused before anything is looked up, cached or not.

import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "../oci/error.ts";
import {
  denied,
  isDigestDenied,
  isNameAllowed,
  isTagAllowed,
  speaksOfTags,
} from "../policy/allowed.ts";
import { ownName, type Source } from "../policy/source.ts";
import type { Asked } from "./asked.ts";
import type { House } from "./house.ts";

type Held = Pick<Asked, "quarantined">;

/** Throws DENIED (403) where nothing of this name may be pulled. */
export function permitName(source: Source): void {
  if (!isNameAllowed(source)) throw denied(source.rule, `"${ownName(source)}"`);
}

/** Throws DENIED (403). */
export function permitTag(source: Source, tag: string): void {
  if (!isTagAllowed(source, tag)) throw denied(source.rule, `"${ownName(source)}:${tag}"`);
}

/** What a tag led to: the tag was permitted before. Throws DENIED (403). */
export function permitMeant(source: Source, digest: Digest, { quarantined }: Held): void {
  const reason = quarantined.get(digest);
  if (reason !== undefined)
    throw new RegistryError("DENIED", `${digest} is in quarantine: ${reason}`);
  if (isDigestDenied(source.rule, digest)) throw denied(source.rule, digest);
}

/** Where the lists tell tags apart, a digest is permitted for an allowed tag that leads to it. Throws DENIED (403). */
export async function permitDigest(
  house: House,
  source: Source,
  digest: Digest,
  asked: Held,
): Promise<void> {
  permitName(source);
  permitMeant(source, digest, asked);
  if (source.rule.allowDigests || !speaksOfTags(source)) return;
  if (await house.lineage.isOfAllowedTag(source, digest)) return;
  throw denied(source.rule, `${digest}, which no allowed tag that was pulled here leads to,`);
}
