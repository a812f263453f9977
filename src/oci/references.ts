// What a manifest refers to: children, config, layers. Foreign bodies: nothing in them is trusted to be what it should.

import { plain } from "../text/plain.ts";
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

/** Layers that registries take without having them: whoever pushes a manifest may name any digest there (image-spec,
 * "Non-Distributable Layers"; Docker's foreign layers). Their `urls` are never followed. */
export function foreignIn({ layers, blobs }: Record<string, unknown>): Digest[] {
  const foreign = [layers, blobs]
    .flatMap((list) => (Array.isArray(list) ? list : []))
    .filter((layer: Layer | null) => isForeign(layer));
  return digestsIn([foreign]);
}

interface Layer {
  mediaType?: unknown;
  urls?: unknown;
}

function isForeign(layer: Layer | null): boolean {
  const { mediaType, urls } = layer ?? {};
  const isNamedSo = typeof mediaType === "string" && /foreign|nondistributable/i.test(mediaType);
  return isNamedSo || (Array.isArray(urls) && urls.length > 0);
}

/** Of a part's media type, in characters. */
const LONGEST_TYPE = 255;

/** Of a manifest: a config, a layer. */
export interface Part {
  digest: Digest;
  /** As it can be shown; "" where it is not told. */
  mediaType: string;
  /** In bytes; 0 where it is not told. */
  size: number;
}

/** At most one. */
export function partIn(descriptor: unknown): Part[] {
  const { mediaType, size } = (descriptor ?? {}) as { mediaType?: unknown; size?: unknown };
  const isSize = typeof size === "number" && Number.isSafeInteger(size) && size >= 0;
  return digestIn(descriptor).map((digest) => ({
    digest,
    mediaType: typeof mediaType === "string" ? plain(mediaType, LONGEST_TYPE) : "",
    size: isSize ? size : 0,
  }));
}

/** At most one. */
export function digestIn(descriptor: unknown): Digest[] {
  const digest = (descriptor as { digest?: unknown } | null | undefined)?.digest;
  return typeof digest === "string" && isDigest(digest) ? [digest] : [];
}
