// Image contents for given platforms: child manifests and blobs with their sizes. Pure.

import type { Digest } from "../oci/digest.ts";
import { parseObject } from "../oci/json.ts";
import { type Named, namedIn } from "../oci/references.ts";

export interface Blob {
  digest: Digest;
  /** In bytes; 0 if the descriptor does not give it. */
  size: number;
}

/** What a manifest or an index names; nothing for invalid JSON. */
export function partsOf(manifest: Uint8Array): Named[] {
  return namedIn(parseObject(manifest) ?? {});
}

/** Children of an index for the wanted platforms. A child without a platform (a nested index, an artifact) belongs to all of
 * them, as for clients. Also returns the platforms that the index lacks, if it names any. */
export function childrenFor(
  parts: readonly Named[],
  platforms: readonly string[],
): { children: Digest[]; missing: string[] } {
  const children = parts.filter(({ kind }) => kind !== "blob");
  const wanted = children.filter((child) => isWanted(child, platforms));
  const missing = namesPlatforms(parts) ? platforms.filter((one) => !hasPlatform(parts, one)) : [];
  return { children: [...new Set(wanted.map(({ digest }) => digest))], missing };
}

/** Whether the manifest distinguishes platforms. */
export function namesPlatforms(parts: readonly Named[]): boolean {
  return parts.some(({ platform }) => platform !== undefined);
}

/** Config, layers, and blobs that an index names beside manifests. Foreign layers are left out, because their `urls` are not
 * fetched. */
export function blobsIn(parts: readonly Named[], platforms: readonly string[]): Blob[] {
  const blobs = parts.filter(
    (part) => part.kind === "blob" && !part.foreign && isWanted(part, platforms),
  );
  return distinct(blobs);
}

/** Entries of unknown kind: treated as a blob if the upstream has no such manifest. */
export function maybeBlobsIn(parts: readonly Named[]): Map<Digest, Blob> {
  const unknown = distinct(parts.filter(({ kind }) => kind === "unknown"));
  return new Map(unknown.map((blob) => [blob.digest, blob]));
}

function distinct(parts: readonly Named[]): Blob[] {
  return [...new Map(parts.map(({ digest, size }) => [digest, { digest, size }])).values()];
}

function isWanted({ platform }: Named, platforms: readonly string[]): boolean {
  return platform === undefined || platforms.some((wanted) => matchesPlatform(platform, wanted));
}

function hasPlatform(parts: readonly Named[], wanted: string): boolean {
  return parts.some(({ platform }) => platform !== undefined && matchesPlatform(platform, wanted));
}

function matchesPlatform(platform: string, wanted: string): boolean {
  return wanted === "all" || platform === wanted || platform.startsWith(`${wanted}/`);
}

/** The newest `count` tags by name: numbers are compared numerically, and a release precedes its pre-releases. */
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
