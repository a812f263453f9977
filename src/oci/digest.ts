// Digests: `algorithm:hex`, the names of content (OCI image-spec, descriptor.md, "Digests").

export type Digest = `sha256:${string}` | `sha512:${string}`;
export type Algorithm = "sha256" | "sha512";

const HEX_LENGTH: Record<Algorithm, number> = { sha256: 64, sha512: 128 };

/** Accepts the two algorithms that the specification registers, in lower case and at their exact length. */
export function isDigest(text: string): text is Digest {
  const [algorithm, hex, rest] = text.split(":");
  if (rest !== undefined || hex === undefined) return false;
  const length = HEX_LENGTH[algorithm as Algorithm];
  return length !== undefined && hex.length === length && /^[0-9a-f]+$/.test(hex);
}

export function algorithmOf(digest: Digest): Algorithm {
  return digest.slice(0, digest.indexOf(":")) as Algorithm;
}

/** The other algorithm: the same bytes have a digest by each, and a denied digest must be denied by both. */
export function otherAlgorithm(digest: Digest): Algorithm {
  return algorithmOf(digest) === "sha256" ? "sha512" : "sha256";
}

export function hexOf(digest: Digest): string {
  return digest.slice(digest.indexOf(":") + 1);
}

/** The tag that lists a digest's referrers in registries without the referrers API (distribution-spec, "Referrers Tag Schema"); the hex
 * part is cut to 64 characters. */
export function referrersTag(digest: Digest): string {
  return `${algorithmOf(digest)}-${hexOf(digest).slice(0, 64)}`;
}
