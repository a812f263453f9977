// Manifest bodies: read whole from an upstream's answer, within limits.

import { excessIn } from "../../oci/bounds.ts";
import { algorithmOf, type Digest } from "../../oci/digest.ts";
import { RegistryError } from "../../oci/error.ts";
import { digestOf } from "../../oci/hash.ts";
import { isSchema1, type Judged, judgeManifest, MANIFEST_LIMIT } from "../../oci/manifest.ts";
import type { Source } from "../../policy/source.ts";
import type { Manifest } from "../../store/manifests.ts";
import type { Bounds } from "../../upstream/client/body.ts";
import { type Answer, contentLength, tooLarge } from "../../upstream/client/client.ts";

/** Length of a manifest in bytes, from the headers of its HEAD; undefined if it is missing, zero or over the limit. */
export function manifestSize(headers: Headers): number | undefined {
  const size = contentLength(headers);
  return size !== undefined && size > 0 && size <= MANIFEST_LIMIT ? size : undefined;
}

/** Throws SIZE_INVALID (502) for a manifest over 4 MiB, without reading all of it, and MANIFEST_INVALID (502) for one
 * with too much nesting or too many descriptors (oci/bounds). */
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
    const message = `${host} returned a manifest that ${excess}; nothing was stored`;
    throw new RegistryError("MANIFEST_INVALID", message, { status: 502 });
  }
  return bytes;
}

/** Reads the manifest of a digest. Throws MANIFEST_INVALID (502) for bytes that do not match the digest, and for
 * anything that is no manifest.
 * @param unverified called for bytes that do not match */
export async function readVerified(
  source: Source,
  answer: Answer,
  digest: Digest,
  unverified: (message: string) => void,
): Promise<Manifest> {
  const bytes = await readManifest(source, answer);
  // A signed schema 1 manifest never matches its digest: its own error says more than a mismatch.
  const judged = judgedOf(source, bytes);
  if (digestOf(bytes, algorithmOf(digest)) !== digest) {
    const { host } = source.rule.upstream;
    const message = `${host} sent content that does not match ${digest}; nothing was stored`;
    unverified(message);
    throw new RegistryError("MANIFEST_INVALID", message, { status: 502 });
  }
  return { digest, mediaType: typeIn(source, judged), bytes };
}

/** Media type to store a manifest with, from its bytes. Throws MANIFEST_INVALID (502) for anything else: an upstream's
 * error page is never served as a manifest, and an upstream's header does not decide what a digest is for other
 * repositories. */
export function typeOfManifest(source: Source, bytes: Uint8Array): string {
  return typeIn(source, judgedOf(source, bytes));
}

function typeIn({ rule }: Source, judged: Judged): string {
  if ("mediaType" in judged) return judged.mediaType;
  const message = `${rule.upstream.host} returned content that is not a manifest: ${judged.wrong}; nothing was stored`;
  throw new RegistryError("MANIFEST_INVALID", message, { status: 502 });
}

/** Throws MANIFEST_INVALID (400) for schema 1, as distribution does: a retry would not help. */
function judgedOf({ rule }: Source, bytes: Uint8Array): Judged {
  const judged = judgeManifest(bytes);
  if (!("mediaType" in judged) || !isSchema1(judged.mediaType)) return judged;
  const message = `${rule.upstream.host} has this image only as a Docker schema 1 manifest, which is not supported: pull and push it once with a client that can still convert it (skopeo copy --format oci), or ask its publisher for an OCI image; nothing was stored`;
  throw new RegistryError("MANIFEST_INVALID", message, { status: 400 });
}

/** Limits for reading a small body: `silenceTimeout` between chunks, `firstByteTimeout` plus that in total. */
export function boundsOf({ rule }: Source, bytes: number): Bounds {
  const { firstByteTimeout, silenceTimeout: silence, upstream } = rule;
  return { bytes, silence, time: firstByteTimeout + silence, host: upstream.host };
}
