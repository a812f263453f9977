// How large a blob is that is not here: as the upstream's HEAD tells, or, where HEAD is deficient, a GET of its first byte.

import type { Digest } from "../oci/digest.ts";
import type { Source } from "../policy/source.ts";
import { type Answer, contentLength, type UpstreamClient } from "../upstream/client.ts";

/** In bytes; undefined where the upstream does not say. Throws what it answers. */
export async function sizeOf(
  upstream: UpstreamClient,
  source: Source,
  digest: Digest,
): Promise<number | undefined> {
  const head = await upstream.headBlob(source, digest);
  const size = head && contentLength(head);
  if (size !== undefined) return size;
  const get = await upstream.blob(source, digest, { first: 0, last: 0 });
  get.cancel();
  return sizeTold(get);
}

/** Undefined where the answer does not say. An empty blob has no first byte, which is 416. */
function sizeTold({ status, headers }: Answer): number | undefined {
  if (status === 200) return contentLength(headers);
  const total = /\/(\d{1,15})$/.exec(headers.get("content-range") ?? "")?.[1];
  return total === undefined ? undefined : Number(total);
}
