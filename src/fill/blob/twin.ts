// The digest of a stored blob's bytes by the other algorithm, for what an earlier version stored without it.

import type { Digest } from "../../oci/digest.ts";
import { TwinHash } from "../../oci/hash.ts";
import type { BlobStore } from "../../store/blobs.ts";
import { segmentCount } from "../../store/segments.ts";

/** Reads the whole blob back, once: KV's record of it then says the result. Undefined where it is not here, or not whole. */
export async function twinIn(blobs: BlobStore, digest: Digest): Promise<Digest | undefined> {
  const layout = await blobs.layout(digest);
  if (!layout || layout.twin) return layout?.twin;
  const hash = new TwinHash(digest);
  for (let number = 0; number < segmentCount(layout.size); number++) {
    const bytes = await blobs.wholeSegment(layout, number);
    if (!bytes) return undefined;
    hash.update(bytes);
  }
  const { twin } = hash.end();
  await blobs.records.put({ ...layout, twin }, Date.now());
  return twin;
}
