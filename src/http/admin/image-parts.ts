// Image parts: the manifests of an image, through nested indexes, and the blobs that each names, as far as manifests are cached.

import type { KnownContent } from "../../catalog/query/contract.ts";
import type { Digest } from "../../oci/digest.ts";
import { parseObject } from "../../oci/json.ts";
import { type DescribedPart, type Named, namedIn, partIn } from "../../oci/references.ts";
import type { PullServices } from "../../pull/services.ts";
import type { Manifest } from "../../store/manifests.ts";
import type { ReadVisit } from "../../store/visit.ts";

/** Maximum number of manifests that are read. */
const MAX_MANIFESTS = 40;
/** Maximum depth of nested indexes. */
const MAX_INDEX_DEPTH = 3;
/** Maximum number of layers listed of one manifest. */
const MAX_LAYERS = 500;

export interface ReadManifest {
  digest: Digest;
  platform?: string;
  manifest?: Manifest;
  config?: DescribedPart;
  /** Including what an index names besides manifests. */
  layers: DescribedPart[];
  /** Number of layers beyond the maximum. */
  leftOut: number;
  /** Its descriptor, when that does not say that it is a manifest and no manifest of that digest is cached. */
  maybe?: DescribedPart;
}

/** @returns of an index its children, followed by the image itself if it names blobs or nothing at all */
export async function readParts(
  services: PullServices,
  own: Manifest,
  visit: ReadVisit,
): Promise<ReadManifest[]> {
  const read = new Map<Digest, ReadManifest>();
  let level = childrenOf(own);
  for (let depth = 0; depth < MAX_INDEX_DEPTH && level.length > 0; depth++) {
    const isNew = ({ digest }: Named) => digest !== own.digest && !read.has(digest);
    const open = level.filter(isNew).slice(0, MAX_MANIFESTS - read.size);
    const found = await Promise.all(
      open.map(({ digest }) => services.manifests.get(digest, visit)),
    );
    level = open.flatMap((child, at) => {
      const manifest = found[at]?.value;
      read.set(child.digest, readOf(child, manifest));
      return manifest ? childrenOf(manifest) : [];
    });
  }
  const self = readOf({ digest: own.digest }, own);
  const isBare = read.size > 0 && !self.config && self.layers.length === 0;
  return isBare ? [...read.values()] : [...read.values(), self];
}

/** Counts children that are cached as blobs among the image's own layers.
 * @param read as readParts returned it */
export function settled(
  own: Manifest,
  read: readonly ReadManifest[],
  known: readonly KnownContent[],
): ReadManifest[] {
  const blobs = new Set(
    known.filter(({ kind, present }) => kind === "blob" && present).map(({ digest }) => digest),
  );
  const asBlobs = read.filter(({ maybe }) => maybe && blobs.has(maybe.digest));
  if (asBlobs.length === 0) return [...read];
  const self = read.find(({ digest }) => digest === own.digest);
  const base = self ?? { digest: own.digest, manifest: own, layers: [], leftOut: 0 };
  const layers = [...base.layers, ...asBlobs.flatMap(({ maybe }) => maybe ?? [])];
  const others = read.filter((one) => one !== self && !asBlobs.includes(one));
  return [...others, { ...base, layers }];
}

function readOf(
  child: Pick<Named, "digest"> & Partial<Named>,
  manifest: Manifest | undefined,
): ReadManifest {
  const { digest, platform, kind, mediaType = "", size = 0 } = child;
  const named = { digest, ...(platform !== undefined && { platform }) };
  if (!manifest) {
    const maybe = kind === "unknown" && { maybe: { digest, mediaType, size } };
    return { ...named, layers: [], leftOut: 0, ...maybe };
  }
  const body = parseObject(manifest.bytes) ?? {};
  const [config] = partIn(body.config);
  const all = namedIn({ ...body, config: undefined }).filter(({ kind: of }) => of === "blob");
  const layers = all.slice(0, MAX_LAYERS).map((one) => {
    return { digest: one.digest, mediaType: one.mediaType, size: one.size };
  });
  const leftOut = all.length - layers.length;
  return { ...named, manifest, ...(config && { config }), layers, leftOut };
}

/** Each child once, in order. */
function childrenOf({ bytes }: Manifest): Named[] {
  const named = namedIn(parseObject(bytes) ?? {}).filter(({ kind }) => kind !== "blob");
  return [...new Map(named.map((one) => [one.digest, one])).values()];
}
