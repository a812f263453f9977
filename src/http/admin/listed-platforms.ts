// Platforms of listed images that no index names: read from their configs where those are here, and remembered by the catalog.

import type { Catalog } from "../../catalog/contract.ts";
import type { ListedImage } from "../../catalog/query/contract.ts";
import { describe } from "../../oci/described.ts";
import type { Digest } from "../../oci/digest.ts";
import { parseObject } from "../../oci/json.ts";
import { INDEX_TYPES } from "../../oci/manifest.ts";
import { NO_PLATFORM, platformOf } from "../../oci/platform.ts";
import { partIn } from "../../oci/references.ts";
import type { PullServices } from "../../pull/services.ts";
import type { ReadVisit } from "../../store/visit.ts";
import { reasonOf } from "../../text/plain.ts";
import { configOf, LONGEST_CONFIG } from "./image-config.ts";

/** Bounds of one list: how many manifests are read, and how many bytes of configs. Against a catalog full of large configs, which a
 * viewer would have the isolate parse with each page. What was read is not read again, so that the next list comes further. */
const MOST_MANIFESTS = 400;
const MOST_BYTES = 16 * 1024 * 1024;
/** Of an index so many children, and how deep indexes may stand in one another. */
const MOST_CHILDREN = 40;
const MAX_INDEX_DEPTH = 3;
/** How many images are read at once. */
const MAX_CONCURRENT_READS = 6;

/** What the catalog is told: "" says that the config names none. */
export interface KnownPlatform {
  digest: Digest;
  platform: string;
}

export async function withPlatforms(
  services: PullServices,
  catalog: Catalog,
  found: readonly ListedImage[],
  visit: ReadVisit,
): Promise<ListedImage[]> {
  const reading = new Reading(services, visit);
  const unread = [...new Set(found.filter((one) => one.unread).map(({ digest }) => digest))];
  const platforms = new Map<Digest, string[]>();
  const work = unread.values();
  const read = async () => {
    for (const digest of work) platforms.set(digest, await reading.platformsOf(digest));
  };
  try {
    await Promise.all(Array.from({ length: MAX_CONCURRENT_READS }, read));
  } catch (error) {
    // The list is right without them.
    console.warn(`entrepot: platforms of images could not be read: ${reasonOf(error)}`);
  }
  if (reading.known.length > 0)
    visit.later(
      catalog.learnPlatforms(reading.known).catch((error: unknown) => {
        console.warn(`entrepot: platforms of images are read again: ${reasonOf(error)}`);
      }),
    );
  return found.map(({ unread: _, ...one }) => ({
    ...one,
    platforms: one.platforms.length > 0 ? one.platforms : (platforms.get(one.digest) ?? []),
  }));
}

class Reading {
  readonly known: KnownPlatform[] = [];
  readonly #services: PullServices;
  readonly #visit: ReadVisit;
  #manifests = 0;
  #bytes = 0;

  constructor(services: PullServices, visit: ReadVisit) {
    this.#services = services;
    this.#visit = visit;
  }

  /** Of an index those of its children. */
  async platformsOf(digest: Digest, depth = 0): Promise<string[]> {
    if (++this.#manifests > MOST_MANIFESTS) return [];
    const manifest = (await this.#services.manifests.get(digest, this.#visit))?.value;
    if (!manifest) return [];
    if (!INDEX_TYPES.includes(manifest.mediaType)) {
      const platform = await this.#inConfigOf(manifest.bytes);
      if (platform !== undefined) this.known.push({ digest, platform });
      return platform ? [platform] : [];
    }
    const { children } = describe(manifest.bytes);
    // An index of blobs, such as BuildKit's cache: for no platform.
    if (children.length === 0) this.known.push({ digest, platform: "" });
    if (depth >= MAX_INDEX_DEPTH) return [];
    const platforms = new Set<string>();
    for (const child of children.slice(0, MOST_CHILDREN))
      for (const platform of await this.platformsOf(child.digest, depth + 1))
        platforms.add(platform);
    return [...platforms].toSorted();
  }

  /** Undefined where it could not be read; "" where it names none. */
  async #inConfigOf(manifest: Uint8Array): Promise<string | undefined> {
    const [part] = partIn(parseObject(manifest)?.config);
    if (!part) return "";
    this.#bytes += Math.min(part.size, LONGEST_CONFIG);
    if (this.#bytes > MOST_BYTES) return undefined;
    const config = await configOf(this.#services, part, this.#visit);
    const platform = config && platformOf(config);
    return config && (platform === undefined || platform === NO_PLATFORM ? "" : platform);
  }
}
