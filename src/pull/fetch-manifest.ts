// Manifest fetch: manifests that are not stored, by digest or as what a tag means, through their fills.

import type { Asking } from "../fill/contract.ts";
import { isWrongDigest } from "../fill/tag/tag-check.ts";
import { timed } from "../meter/steps.ts";
import { claimsExemption } from "../oci/exempt.ts";
import { INDEX_TYPES } from "../oci/manifest.ts";
import type { TagMapping } from "../policy/fresh.ts";
import type { Manifest } from "../store/manifests.ts";
import { bringReferrers } from "./bring-referrers.ts";
import { type CacheStatus, statusOf } from "./cache-status.ts";
import { askingOf } from "./pull.ts";
import type { DigestRequest } from "./request.ts";
import { permitResolved, resolvedByGet, type TagRequest } from "./resolve-tag.ts";
import { withoutOld } from "./tag-age.ts";
import { settleFinding } from "./trust.ts";

/** A request for the digest that a tag means here. */
type TaggedDigest = TagRequest & DigestRequest;

/** A manifest that a fill delivered. */
export interface Fetched {
  manifest: Manifest;
  status: CacheStatus;
  /** Set where the tag turned out to point to another digest. */
  mapping?: TagMapping;
}

/** Fetches the manifest that the tag points to. If the upstream does not have the digest that its HEAD named (the tag moved in
 * between, or HEAD is wrong), its GET by tag decides. */
export async function fetchResolved(request: TaggedDigest, linked: boolean): Promise<Fetched> {
  const { services, source, tag, digest, pull } = request;
  const named = { ...askingOf(pull), named: true };
  try {
    return await fetchManifest(request, { ...named, linked });
  } catch (error) {
    if (!isWrongDigest(error)) throw error;
    const checking = services.fills.checkTagByGet(source, tag, digest, askingOf(pull));
    const checked = await timed(pull.steps, "tag", checking);
    const resolved = resolvedByGet(request, checked);
    permitResolved(request, resolved);
    const { mapping, meant } = resolved;
    services.tags.keep(source, tag, mapping, pull);
    const { manifest } = await fetchManifest({ ...request, digest: meant.digest }, named);
    return { manifest, status: statusOf(checked.how), mapping };
  }
}

/** Fetches the older manifest that the tag is held at. If the upstream no longer has it, the tag is refused: that it is gone releases no
 * hold. Attack: the new digest is pushed, and the old one deleted. */
export async function fetchHeld(
  request: TaggedDigest,
  mapping: TagMapping,
  linked: boolean,
): Promise<Fetched> {
  const { source, tag, digest, pull } = request;
  try {
    return await fetchManifest(request, { ...askingOf(pull), linked });
  } catch (error) {
    if (!isWrongDigest(error)) throw error;
    const subject = { source, digest: mapping.digest, tag };
    settleFinding(withoutOld(request, mapping, digest), subject, pull);
    throw error;
  }
}

/** Any index may be exempt by its children; those of images are signed themselves. */
function isReferrer({ mediaType, bytes }: Manifest): boolean {
  return !INDEX_TYPES.includes(mediaType) && claimsExemption(bytes);
}

export async function fetchManifest(
  { services, source, digest, pull }: DigestRequest,
  asking: Asking,
): Promise<Fetched> {
  const joining = services.fills.joinManifest(digest, source, asking);
  const { manifest, how } = await timed(pull.steps, "fill", joining);
  services.manifests.keep(manifest, pull);
  if (how === "started" && source.rule.referrers && !isReferrer(manifest))
    pull.later(bringReferrers({ fills: services.fills, source, digest }));
  return { manifest, status: statusOf(how) };
}
