// The story of a manifest: what the tag means, whether that is fresh, and the manifest of that digest.

import { accepts } from "../oci/accept.ts";
import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "../oci/error.ts";
import { defaultChild, INDEX_TYPES, manifestType } from "../oci/manifest.ts";
import { isFresh, type TagMapping } from "../policy/fresh.ts";
import type { Source } from "../policy/source.ts";
import type { Manifest } from "../store/manifests.ts";
import { contentLength } from "../upstream/client.ts";
import { type CacheStatus, statusOf } from "./cache-status.ts";
import type { House } from "./house.ts";

/** A manifest as it is to be answered; without bytes where only its description was asked for. */
export interface PulledManifest {
  digest: Digest;
  mediaType: string;
  /** In bytes; undefined where only a HEAD was answered, and the upstream's did not tell it. */
  size: number | undefined;
  bytes?: Uint8Array;
  status: CacheStatus;
}

export interface ManifestAsked {
  /** HEAD: the description alone will do. */
  head: boolean;
  accept: string | undefined;
  /** In ms since the epoch. */
  now: number;
}

export async function pullByTag(
  house: House,
  source: Source,
  tag: string,
  asked: ManifestAsked,
): Promise<PulledManifest> {
  const known = await house.tags.get(source, tag);
  if (known && isFresh(known, source.rule.tagTtl, asked.now)) {
    return pullMapped(house, source, tag, { mapping: known, status: "hit" }, asked);
  }
  const { mapping, how } = await house.fills.checkTag(source, tag);
  const fwd = known ? "stale" : "uri-miss";
  const status: CacheStatus = how === "found" ? "hit" : { fwd, collapsed: how === "joined" };
  return pullMapped(house, source, tag, { mapping, status }, asked);
}

interface Mapped {
  mapping: TagMapping;
  /** How the mapping was come by. */
  status: CacheStatus;
}

async function pullMapped(
  house: House,
  source: Source,
  tag: string,
  mapped: Mapped,
  asked: ManifestAsked,
): Promise<PulledManifest> {
  const { mapping, status } = mapped;
  const stored = await house.manifests.get(mapping.digest);
  if (stored) return negotiated(house, source, stored, status, asked);
  const { digest, mediaType, size } = mapping;
  if (
    asked.head &&
    mediaType !== undefined &&
    size !== undefined &&
    suits(mediaType, asked.accept)
  ) {
    return { digest, mediaType, size, status };
  }
  const fetched = await fetchMapped(house, source, tag, digest);
  return negotiated(house, source, fetched.manifest, fetched.status, asked);
}

/** The manifest that the tag means. Where the upstream does not have the digest that its HEAD named (the tag moved
 * in between, or HEAD is wrong), its GET by tag has the last word. */
async function fetchMapped(house: House, source: Source, tag: string, digest: Digest) {
  try {
    return await fetchManifest(house, source, digest);
  } catch (error) {
    const wrong =
      error instanceof RegistryError &&
      ["MANIFEST_UNKNOWN", "MANIFEST_INVALID"].includes(error.code);
    if (!wrong) throw error;
    const checked = await house.fills.checkTagByGet(source, tag);
    const { manifest } = await fetchManifest(house, source, checked.mapping.digest);
    return { manifest, status: statusOf(checked.how) };
  }
}

async function fetchManifest(
  house: House,
  source: Source,
  digest: Digest,
): Promise<{ manifest: Manifest; status: CacheStatus }> {
  const { manifest, how } = await house.fills.joinManifest(digest, source);
  return { manifest, status: statusOf(how) };
}

export async function pullByDigest(
  house: House,
  source: Source,
  digest: Digest,
  asked: ManifestAsked,
): Promise<PulledManifest> {
  const stored = await house.manifests.get(digest);
  if (stored) return described(stored, "hit");
  const head = asked.head ? await headUpstream(house, source, digest) : undefined;
  if (head) return head;
  const { manifest, status } = await fetchManifest(house, source, digest);
  return described(manifest, status);
}

/** The upstream's own description of what is not here: a HEAD starts no fill. Undefined where it is deficient. */
async function headUpstream(
  house: House,
  source: Source,
  digest: Digest,
): Promise<PulledManifest | undefined> {
  const headers = await house.upstream.headManifest(source, digest);
  const size = headers && contentLength(headers);
  const mediaType = headers && manifestType(headers.get("content-type"));
  if (size === undefined || mediaType === undefined) return undefined;
  return { digest, mediaType, size, status: { fwd: "uri-miss" } };
}

/** A client that accepts no index gets the linux/amd64 manifest of one, as distribution does; for tags only, since
 * whoever names a digest wants those bytes. */
async function negotiated(
  house: House,
  source: Source,
  manifest: Manifest,
  status: CacheStatus,
  asked: ManifestAsked,
): Promise<PulledManifest> {
  if (suits(manifest.mediaType, asked.accept)) return described(manifest, status);
  const child = defaultChild(manifest.bytes);
  if (!child) {
    throw new RegistryError(
      "MANIFEST_UNKNOWN",
      "this tag is an index without a linux/amd64 manifest, and the client accepts no index",
    );
  }
  const pulled = await pullByDigest(house, source, child, asked);
  return status === "hit" ? pulled : { ...pulled, status };
}

function suits(mediaType: string, accept: string | undefined): boolean {
  return !INDEX_TYPES.includes(mediaType) || accepts(accept, INDEX_TYPES);
}

function described({ digest, mediaType, bytes }: Manifest, status: CacheStatus): PulledManifest {
  return { digest, mediaType, size: bytes.byteLength, bytes, status };
}
