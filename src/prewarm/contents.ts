// What an image consists of, for some platforms: which of its manifests, and which blobs, with their sizes. Pure.

import { describe } from "../oci/described.ts";
import type { Digest } from "../oci/digest.ts";
import { parseObject } from "../oci/json.ts";
import { partIn } from "../oci/references.ts";

/** Children of an index that are wanted. @returns with what is worth saying: platforms that there are none of */
export function childrenFor(
  index: Uint8Array,
  platforms: readonly string[],
): { children: Digest[]; missing: string[] } {
  const { children } = describe(index);
  if (platforms.includes("all"))
    return { children: children.map(({ digest }) => digest), missing: [] };
  const of = (wanted: string) =>
    children.filter(({ platform }) => platform === wanted || platform?.startsWith(`${wanted}/`));
  const wanted = new Set(platforms.flatMap((one) => of(one).map(({ digest }) => digest)));
  return { children: [...wanted], missing: platforms.filter((one) => of(one).length === 0) };
}

/** Config and layers, but for those that no registry vouches for. */
export function blobsIn(manifest: Uint8Array): { digest: Digest; size: number }[] {
  const { blobs, foreign } = describe(manifest);
  const sizes = sizesIn(manifest);
  const isForeign = new Set(foreign);
  return blobs
    .filter((digest) => !isForeign.has(digest))
    .map((digest) => ({ digest, size: sizes.get(digest) ?? 0 }));
}

function sizesIn(manifest: Uint8Array): Map<Digest, number> {
  const { config, layers, blobs } = parseObject(manifest) ?? {};
  const all = [[config], layers, blobs].flatMap((list) => (Array.isArray(list) ? list : []));
  return new Map(all.flatMap(partIn).map(({ digest, size }) => [digest, size]));
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
