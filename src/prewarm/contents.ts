// What an image consists of, for some platforms: which of its manifests, and which blobs, with their sizes. Pure.

import type { Digest } from "../oci/digest.ts";
import { parseObject } from "../oci/json.ts";
import { type Named, namedIn } from "../oci/references.ts";

export interface Blob {
  digest: Digest;
  /** In bytes; 0 where it is not told. */
  size: number;
}

/** Children of an index that are wanted. What names no platform belongs to all of them, as clients take it: an index in an index, an
 * artifact. @returns with what is worth saying: platforms that there are none of, where there are any */
export function childrenFor(
  index: Uint8Array,
  platforms: readonly string[],
): { children: Digest[]; missing: string[] } {
  const parts = partsOf(index);
  const children = parts.filter(({ kind }) => kind !== "blob");
  const wanted = children.filter((child) => isWanted(child, platforms));
  const missing = namesPlatforms(index) ? platforms.filter((one) => !has(parts, one)) : [];
  return { children: [...new Set(wanted.map(({ digest }) => digest))], missing };
}

/** Whether platforms can be told apart there. */
export function namesPlatforms(manifest: Uint8Array): boolean {
  return partsOf(manifest).some(({ platform }) => platform !== undefined);
}

/** Config, layers, and what an index names beside manifests, but for those that no registry vouches for: their `urls` are not asked. */
export function blobsIn(manifest: Uint8Array, platforms: readonly string[] = ["all"]): Blob[] {
  const blobs = partsOf(manifest).filter(
    (part) => part.kind === "blob" && !part.foreign && isWanted(part, platforms),
  );
  return each(blobs);
}

/** Of unknown kind: what the upstream has not as a manifest is a blob. */
export function maybeBlobsIn(manifest: Uint8Array): Map<Digest, Blob> {
  const unknown = each(partsOf(manifest).filter(({ kind }) => kind === "unknown"));
  return new Map(unknown.map((blob) => [blob.digest, blob]));
}

function partsOf(manifest: Uint8Array): Named[] {
  return namedIn(parseObject(manifest) ?? {});
}

function each(parts: readonly Named[]): Blob[] {
  return [...new Map(parts.map(({ digest, size }) => [digest, { digest, size }])).values()];
}

function isWanted({ platform }: Named, platforms: readonly string[]): boolean {
  return platform === undefined || platforms.some((wanted) => isOf(platform, wanted));
}

function has(parts: readonly Named[], wanted: string): boolean {
  return parts.some(({ platform }) => platform !== undefined && isOf(platform, wanted));
}

function isOf(platform: string, wanted: string): boolean {
  return wanted === "all" || platform === wanted || platform.startsWith(`${wanted}/`);
}

/** The newest so many, as far as their names tell: numbers in them count as numbers, and a release goes before what leads up to it. */
export function newestOf(tags: readonly string[], count: number): string[] {
  const collator = new Intl.Collator("en", { numeric: true });
  const isRelease = (tag: string) => (/^v?\d+(\.\d+)*$/.test(tag) ? 1 : 0);
  const baseOf = (tag: string) => /^v?[\d.]*/.exec(tag)?.[0].replace(/\.$/, "") ?? "";
  return tags
    .toSorted(
      (a, b) =>
        collator.compare(baseOf(b), baseOf(a)) ||
        isRelease(b) - isRelease(a) ||
        collator.compare(b, a),
    )
    .slice(0, count);
}
