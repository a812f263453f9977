// A manifest as it comes from an upstream: read whole, within the limit.

import { excessIn } from "../oci/bounds.ts";
import { algorithmOf, type Digest } from "../oci/digest.ts";
import { RegistryError } from "../oci/error.ts";
import { digestOf } from "../oci/hash.ts";
import { judgeManifest, MANIFEST_LIMIT } from "../oci/manifest.ts";
import type { Source } from "../policy/source.ts";
import type { Manifest } from "../store/manifests.ts";
import type { Bounds } from "../upstream/body.ts";
import { type Answer, contentLength, tooLarge } from "../upstream/client.ts";

/** Throws SIZE_INVALID (502) for a manifest larger than 4 MiB, without reading all of it, and MANIFEST_INVALID (502) for one that is
 * nested too deep or names too much (oci/bounds). */
export async function readManifest(source: Source, answer: Answer): Promise<Uint8Array> {
  const { host } = source.rule.upstream;
  const refuse = () => {
    answer.cancel();
    return tooLarge(host, "manifest", MANIFEST_LIMIT);
  };
  if ((contentLength(answer.headers) ?? 0) > MANIFEST_LIMIT) throw refuse();
  const bytes = await answer.read(boundsOf(source, MANIFEST_LIMIT));
  if (bytes.byteLength > MANIFEST_LIMIT) throw refuse();
  const excess = excessIn(bytes);
  if (excess !== undefined) {
    const message = `${host} answered with a manifest that ${excess}; nothing was kept`;
    throw new RegistryError("MANIFEST_INVALID", message, { status: 502 });
  }
  return bytes;
}

/** The manifest of that digest. Throws MANIFEST_INVALID (502) for other bytes than it promises, and for what is no manifest.
 * @param unverified told of other bytes */
export async function readVerified(
  source: Source,
  answer: Answer,
  digest: Digest,
  unverified: (message: string) => void,
): Promise<Manifest> {
  const bytes = await readManifest(source, answer);
  if (digestOf(bytes, algorithmOf(digest)) !== digest) {
    const { host } = source.rule.upstream;
    const message = `${host} sent other bytes than ${digest} promises; nothing was kept`;
    unverified(message);
    throw new RegistryError("MANIFEST_INVALID", message, { status: 502 });
  }
  return { digest, mediaType: typeOfManifest(source, bytes), bytes };
}

/** The media type to keep a manifest with. Throws MANIFEST_INVALID (502) for what is no manifest: an upstream's page is never served from
 * here as one, and no upstream's header decides what a digest is for other repositories. */
export function typeOfManifest({ rule }: Source, bytes: Uint8Array): string {
  const judged = judgeManifest(bytes);
  if ("mediaType" in judged) return judged.mediaType;
  const message = `${rule.upstream.host} answered with something that is no manifest: ${judged.wrong}; nothing was kept`;
  throw new RegistryError("MANIFEST_INVALID", message, { status: 502 });
}

/** As long as a transfer may be silent, and the upstream may take to begin, is enough for what is small. */
export function boundsOf({ rule }: Source, bytes: number): Bounds {
  const { firstByteTimeout, silenceTimeout: silence, upstream } = rule;
  return { bytes, silence, time: firstByteTimeout + silence, host: upstream.host };
}
