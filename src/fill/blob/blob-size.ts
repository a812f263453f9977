// Blob size: the length of a blob that is not cached, by the upstream's HEAD, or a GET of its first byte where HEAD is
// deficient.

import { algorithmOf, type Digest } from "../../oci/digest.ts";
import { digestOf } from "../../oci/hash.ts";
import type { Source } from "../../policy/source.ts";
import {
  type Answer,
  contentLength,
  isEncoded,
  type UpstreamClient,
} from "../../upstream/client/client.ts";
import { unlessUnknown } from "../../upstream/client/refusal.ts";

/** Size in bytes; undefined where the upstream does not tell. Throws the upstream's refusal. */
export async function sizeOf(
  upstream: UpstreamClient,
  source: Source,
  digest: Digest,
): Promise<number | undefined> {
  const head = await upstream.headBlob(source, digest);
  const size = head && sizeIn(head, digest);
  return size ?? sizeByGet(upstream, source, digest);
}

/** Throws the upstream's refusal for a repository that does not have the blob. Some registries answer HEAD with 404
 * where GET works (Nexus), so the GET of the first byte decides. */
export async function confirmBlob(
  upstream: UpstreamClient,
  source: Source,
  digest: Digest,
): Promise<void> {
  const head = await upstream.headBlob(source, digest).catch(unlessUnknown);
  if (!head) await sizeByGet(upstream, source, digest);
}

async function sizeByGet(
  upstream: UpstreamClient,
  source: Source,
  digest: Digest,
): Promise<number | undefined> {
  const get = await upstream.blob(source, digest, { range: { first: 0, last: 0 } });
  get.cancel();
  return sizeTold(get);
}

/** Size by a blob's headers; undefined if absent, or 0 where the digest is not that of an empty blob.
 * @param asSent the body is read without decompression */
export function sizeIn(headers: Headers, digest: Digest, asSent?: boolean): number | undefined {
  const size = contentLength(headers, asSent);
  const isLie = size === 0 && digestOf(new Uint8Array(), algorithmOf(digest)) !== digest;
  return isLie ? undefined : size;
}

/** Total size by the answer to a GET of the first byte; undefined where it does not tell. An empty blob has no first
 * byte and is answered with 416. */
function sizeTold({ status, headers }: Answer): number | undefined {
  if (status === 200 || isEncoded(headers)) return contentLength(headers);
  const total = /\/(\d{1,15})$/.exec(headers.get("content-range") ?? "")?.[1];
  return total === undefined ? undefined : Number(total);
}
