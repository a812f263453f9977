// Refresh: checks a tag upstream regardless of its TTL and fetches its manifest if it is not stored.

import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "../oci/error.ts";
import { type Hold, verdictOf } from "../policy/age.ts";
import type { Source } from "../policy/source.ts";
import type { ReadVisit } from "../store/visit.ts";
import { permitMeant, permitTag } from "./permit.ts";
import type { Pull } from "./pull.ts";
import type { PullServices } from "./services.ts";
import { agedTag } from "./tag-age.ts";

export interface Refreshed {
  digest: Digest;
  /** Previous digest; undefined if none was known. */
  before?: Digest;
  /** The digest is too young to be served: the one that is served instead, if any, and until when, in ms since the epoch. */
  held?: Pick<Hold, "accepted" | "until">;
}

/** Throws the upstream's error, or DENIED (403) for what the rule or the quarantine refuses. */
export async function refresh(
  services: PullServices,
  source: Source,
  tag: string,
  visit: ReadVisit & Pick<Pull, "quarantined" | "allowances">,
): Promise<Refreshed> {
  permitTag(source, tag);
  const before = await services.tags.get(source, tag, visit);
  const asking = { patience: source.rule.firstByteTimeout, force: true };
  const { mapping, failure } = await services.fills.checkTag(source, tag, asking);
  if (failure) throw new RegistryError(failure.code, failure.message, failure);
  const { digest } = mapping;
  permitMeant(source, digest, visit);
  if (!(await services.manifests.get(digest, visit))) {
    const named = { ...asking, named: true };
    const { manifest } = await services.fills.joinManifest(digest, source, named);
    services.manifests.keep(manifest, visit);
  }
  services.tags.keep(source, tag, mapping, visit);
  const was = before?.value.digest;
  const { label, finding } = agedTag({ source, tag, pull: visit }, mapping);
  const verdict = verdictOf(mapping, source, tag, visit.now);
  // Neither allowed nor only reported.
  const isHeld = verdict.is === "held" && (label !== undefined || finding?.mode === "enforce");
  return {
    digest,
    ...(was !== undefined && { before: was }),
    ...(isHeld && { held: verdict.hold }),
  };
}
