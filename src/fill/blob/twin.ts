// Twin digest: a stored blob's digest by the other algorithm, for blobs that an earlier version stored without it.

import type { Digest } from "../../oci/digest.ts";
import { TwinHash } from "../../oci/hash.ts";
import type { BlobStore } from "../../store/blobs.ts";
import { segmentCount } from "../../store/segments.ts";

/** Reads the whole blob back, once, as the result is stored in its KV record. Undefined where the blob is not cached or
 * not complete. */
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
