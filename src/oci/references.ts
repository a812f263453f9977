// What a manifest refers to: children, config, layers. Foreign bodies: nothing in them is trusted to be what it should.

import { type Digest, isDigest } from "./digest.ts";
import { parseObject } from "./json.ts";

export interface References {
  /** Of an index. */
  children: Digest[];
  /** Config and layers. */
  blobs: Digest[];
}

/** What belongs to a manifest or an index (image-spec: `manifests`, `config`, `layers`; and `blobs` of OCI's former artifact
 * manifest). A subject does not: it is what the manifest is about. */
export function referencesIn(bytes: Uint8Array): References {
  return referencesOf(parseObject(bytes) ?? {});
}

/** @param body a manifest's JSON */
export function referencesOf(body: Record<string, unknown>): References {
  const { manifests, config, layers, blobs } = body;
  return { children: digestsIn([manifests]), blobs: digestsIn([[config], layers, blobs]) };
}

function digestsIn(lists: readonly unknown[]): Digest[] {
  return lists.flatMap((list) => (Array.isArray(list) ? list : [])).flatMap(digestIn);
}

/** At most one. */
export function digestIn(descriptor: unknown): Digest[] {
  const digest = (descriptor as { digest?: unknown } | null | undefined)?.digest;
  return typeof digest === "string" && isDigest(digest) ? [digest] : [];
}
