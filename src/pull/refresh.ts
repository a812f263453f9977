// Refreshing a tag now: its registry is asked what it means, whatever is known, and the manifest is fetched where it is not here.

import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "../oci/error.ts";
import type { Source } from "../policy/source.ts";
import type { Visit } from "../store/visit.ts";
import { permitMeant, permitTag } from "./permit.ts";
import type { House } from "./services.ts";

export interface Refreshed {
  digest: Digest;
  /** What it meant before; undefined where that was not known. */
  before?: Digest;
}

/** Throws what the upstream says, and DENIED (403) for what the rule or the quarantine refuses. */
export async function refresh(
  house: House,
  source: Source,
  tag: string,
  quarantined: ReadonlyMap<string, string>,
  visit: Visit,
): Promise<Refreshed> {
  permitTag(source, tag);
  const before = await house.tags.get(source, tag, visit);
  const asking = { patience: source.rule.firstByteTimeout, force: true };
  const { mapping, failure } = await house.fills.checkTag(source, tag, asking);
  if (failure) throw new RegistryError(failure.code, failure.message, failure);
  const { digest } = mapping;
  permitMeant(source, digest, { quarantined });
  if (!(await house.manifests.get(digest, visit))) {
    const named = { ...asking, named: true };
    const { manifest } = await house.fills.joinManifest(digest, source, named);
    house.manifests.keep(manifest, visit);
  }
  house.tags.keep(source, tag, mapping, visit);
  const was = before?.value.digest;
  return { digest, ...(was !== undefined && { before: was }) };
}
