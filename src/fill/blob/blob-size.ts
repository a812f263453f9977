// How large a blob is that is not here: as the upstream's HEAD tells, or, where HEAD is deficient, a GET of its first byte.

import { algorithmOf, type Digest } from "../../oci/digest.ts";
import { RegistryError } from "../../oci/error.ts";
import { digestOf } from "../../oci/hash.ts";
import type { Source } from "../../policy/source.ts";
import {
  type Answer,
  contentLength,
  isEncoded,
  type UpstreamClient,
} from "../../upstream/client/client.ts";

/** In bytes; undefined where the upstream does not say. Throws what it answers. */
export async function sizeOf(
  upstream: UpstreamClient,
  source: Source,
  digest: Digest,
): Promise<number | undefined> {
  const head = await upstream.headBlob(source, digest);
  const size = head && sizeIn(head, digest);
  return size ?? sizeByGet(upstream, source, digest);
}

/** Throws what the upstream answers to a repository that does not have the blob. Some registries answer HEAD 404 where GET works (Nexus),
 * so the GET of the first byte has the last word. */
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

/** As a blob's headers tell it; undefined where they do not, or tell of an empty blob where the digest is of another.
 * @param asSent what is read is not decompressed */
export function sizeIn(headers: Headers, digest: Digest, asSent?: boolean): number | undefined {
  const size = contentLength(headers, asSent);
  const isLie = size === 0 && digestOf(new Uint8Array(), algorithmOf(digest)) !== digest;
  return isLie ? undefined : size;
}

/** Undefined where the answer does not say. An empty blob has no first byte, which is 416. */
function sizeTold({ status, headers }: Answer): number | undefined {
  if (status === 200 || isEncoded(headers)) return contentLength(headers);
  const total = /\/(\d{1,15})$/.exec(headers.get("content-range") ?? "")?.[1];
  return total === undefined ? undefined : Number(total);
}

/** Undefined for what is unknown, which a GET is to settle. */
export function unlessUnknown(error: unknown): undefined {
  if (error instanceof RegistryError && error.status === 404) return undefined;
  throw error;
}
