// What a manifest refers to: children, config, layers. Foreign bodies: nothing in them is trusted to be what it should.

import { type Digest, isDigest } from "./digest.ts";

export interface References {
  /** Of an index. */
  children: Digest[];
  /** Config and layers. */
  blobs: Digest[];
}

/** What belongs to a manifest or an index (image-spec: `manifests`, `config`, `layers`; and `blobs` of OCI's former artifact
 * manifest). A subject does not: it is what the manifest is about. */
export function referencesIn(bytes: Uint8Array): References {
  const { manifests, config, layers, blobs } = parse(bytes);
  return { children: digestsIn([manifests]), blobs: digestsIn([[config], layers, blobs]) };
}

function digestsIn(lists: readonly unknown[]): Digest[] {
  return lists.flatMap((list) => (Array.isArray(list) ? list : [])).flatMap(digestIn);
}

function digestIn(descriptor: unknown): Digest[] {
  const digest = (descriptor as { digest?: unknown } | null | undefined)?.digest;
  return typeof digest === "string" && isDigest(digest) ? [digest] : [];
}

function parse(bytes: Uint8Array): Record<string, unknown> {
  try {
    const body: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof body === "object" && body !== null ? (body as Record<string, unknown>) : {};
  } catch {
    return {}; // what is no JSON refers to nothing
  }
}
