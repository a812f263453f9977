// A manifest as it comes from an upstream: read whole, within the limit.

import { excessIn } from "../../oci/bounds.ts";
import { algorithmOf, type Digest } from "../../oci/digest.ts";
import { RegistryError } from "../../oci/error.ts";
import { digestOf } from "../../oci/hash.ts";
import { isSchema1, type Judged, judgeManifest, MANIFEST_LIMIT } from "../../oci/manifest.ts";
import type { Source } from "../../policy/source.ts";
import type { Manifest } from "../../store/manifests.ts";
import type { Bounds } from "../../upstream/client/body.ts";
import { type Answer, contentLength, tooLarge } from "../../upstream/client/client.ts";

/** A manifest's length in bytes as its HEAD tells it; undefined where it does not, or tells what no manifest has. */
export function manifestSize(headers: Headers): number | undefined {
  const size = contentLength(headers);
  return size !== undefined && size > 0 && size <= MANIFEST_LIMIT ? size : undefined;
}

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
  // A signed schema 1 has other bytes than its digest is of: that it is one says more.
  const judged = judgedOf(source, bytes);
  if (digestOf(bytes, algorithmOf(digest)) !== digest) {
    const { host } = source.rule.upstream;
    const message = `${host} sent other bytes than ${digest} promises; nothing was kept`;
    unverified(message);
    throw new RegistryError("MANIFEST_INVALID", message, { status: 502 });
  }
  return { digest, mediaType: typeIn(source, judged), bytes };
}

/** The media type to keep a manifest with. Throws MANIFEST_INVALID (502) for what is no manifest: an upstream's page is never served from
 * here as one, and no upstream's header decides what a digest is for other repositories. */
export function typeOfManifest(source: Source, bytes: Uint8Array): string {
  return typeIn(source, judgedOf(source, bytes));
}

function typeIn({ rule }: Source, judged: Judged): string {
  if ("mediaType" in judged) return judged.mediaType;
  const message = `${rule.upstream.host} answered with something that is no manifest: ${judged.wrong}; nothing was kept`;
  throw new RegistryError("MANIFEST_INVALID", message, { status: 502 });
}

/** Throws MANIFEST_INVALID (400), as distribution does: tried again, it is the same. */
function judgedOf({ rule }: Source, bytes: Uint8Array): Judged {
  const judged = judgeManifest(bytes);
  if (!("mediaType" in judged) || !isSchema1(judged.mediaType)) return judged;
  const message = `${rule.upstream.host} has this image only as a Docker schema 1 manifest, which is not supported: pull and push it once with a client that can still convert it (skopeo copy --format oci), or ask its publisher for an OCI image; nothing was kept`;
  throw new RegistryError("MANIFEST_INVALID", message, { status: 400 });
}

/** As long as a transfer may be silent, and the upstream may take to begin, is enough for what is small. */
export function boundsOf({ rule }: Source, bytes: number): Bounds {
  const { firstByteTimeout, silenceTimeout: silence, upstream } = rule;
  return { bytes, silence, time: firstByteTimeout + silence, host: upstream.host };
}
