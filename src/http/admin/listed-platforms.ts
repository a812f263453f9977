// Platforms of listed images: for those that no index names, read from cached configs and stored in the catalog.

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
import { configOf, MAX_CONFIG } from "./image-config.ts";

/** Maximum number of manifests read for one list. Together with MAX_CONFIG_BYTES against a catalog full of large configs, which each
 * page would otherwise have the isolate parse. What was read is stored, so the next list gets further. */
const MAX_MANIFESTS = 400;
/** Maximum total size of the configs read for one list, in bytes. */
const MAX_CONFIG_BYTES = 16 * 1024 * 1024;
/** Maximum number of children read of one index. */
const MAX_CHILDREN = 40;
/** Maximum depth of nested indexes. */
const MAX_INDEX_DEPTH = 3;
/** Maximum number of images read at the same time. */
const MAX_CONCURRENT_READS = 6;

/** A platform to store in the catalog; "" when the config names none. */
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
    // The list is complete without platforms.
    console.warn(`entrepot: platforms of images could not be read: ${reasonOf(error)}`);
  }
  if (reading.known.length > 0)
    visit.later(
      catalog.learnPlatforms(reading.known).catch((error: unknown) => {
        console.warn(`entrepot: platforms of images could not be stored: ${reasonOf(error)}`);
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

  /** For an index, the platforms of its children. */
  async platformsOf(digest: Digest, depth = 0): Promise<string[]> {
    if (++this.#manifests > MAX_MANIFESTS) return [];
    const manifest = (await this.#services.manifests.get(digest, this.#visit))?.value;
    if (!manifest) return [];
    if (!INDEX_TYPES.includes(manifest.mediaType)) {
      const platform = await this.#inConfigOf(manifest.bytes);
      if (platform !== undefined) this.known.push({ digest, platform });
      return platform ? [platform] : [];
    }
    const { children } = describe(manifest.bytes);
    // An index of blobs, such as BuildKit's cache, has no platform.
    if (children.length === 0) this.known.push({ digest, platform: "" });
    if (depth >= MAX_INDEX_DEPTH) return [];
    const platforms = new Set<string>();
    for (const child of children.slice(0, MAX_CHILDREN))
      for (const platform of await this.platformsOf(child.digest, depth + 1))
        platforms.add(platform);
    return [...platforms].toSorted();
  }

  /** @returns undefined when it could not be read; "" when it names none */
  async #inConfigOf(manifest: Uint8Array): Promise<string | undefined> {
    const [part] = partIn(parseObject(manifest)?.config);
    if (!part) return "";
    this.#bytes += Math.min(part.size, MAX_CONFIG);
    if (this.#bytes > MAX_CONFIG_BYTES) return undefined;
    const config = await configOf(this.#services, part, this.#visit);
    const platform = config && platformOf(config);
    return config && (platform === undefined || platform === NO_PLATFORM ? "" : platform);
  }
}
