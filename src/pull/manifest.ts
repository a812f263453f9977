// The story of a manifest: what the tag means, whether that is fresh, and the manifest of that digest.

import type { Asking } from "../fill/asking.ts";
import { isWrongDigest } from "../fill/tag-check.ts";
import { timed } from "../meter/steps.ts";
import { accepts } from "../oci/accept.ts";
import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "../oci/error.ts";
import { defaultChild, INDEX_TYPES } from "../oci/manifest.ts";
import type { TagMapping } from "../policy/fresh.ts";
import type { Source } from "../policy/source.ts";
import type { Manifest } from "../store/manifests.ts";
import { offline } from "../upstream/offline.ts";
import { type Asked, askingOf } from "./asked.ts";
import { type CacheStatus, statusOf, together } from "./cache-status.ts";
import type { House } from "./house.ts";
import { inFewWords } from "./links.ts";
import { type Meant, meaningOf } from "./meaning.ts";
import { permitDigest, permitMeant, permitTag } from "./permit.ts";
import type { Labelled } from "./stale.ts";

/** A manifest as it is to be answered; without bytes where only its description was asked for. */
export interface PulledManifest extends Labelled {
  digest: Digest;
  mediaType: string;
  /** In bytes; undefined where only a HEAD was answered, and the upstream's did not tell it. */
  size: number | undefined;
  bytes?: Uint8Array;
  /** What the tag that it was named by means; of a child that was chosen for the client, the index. */
  mapping?: TagMapping;
}

export interface ManifestAsked extends Asked {
  /** HEAD: the description alone will do. */
  head: boolean;
  accept: string | undefined;
}

export async function pullByTag(
  house: House,
  source: Source,
  tag: string,
  asked: ManifestAsked,
): Promise<PulledManifest> {
  permitTag(source, tag);
  const meant = await timed(asked.steps, "tag", meaningOf(house, source, tag, asked));
  permitMeant(source, meant.mapping.digest, asked);
  const pulled = await pullMeant(house, source, tag, meant, asked);
  return { mapping: meant.mapping, ...pulled };
}

async function pullMeant(
  house: House,
  source: Source,
  tag: string,
  { mapping, label, told }: Meant,
  asked: ManifestAsked,
): Promise<PulledManifest> {
  const stored = await timed(asked.steps, "read", house.manifests.get(mapping.digest, asked));
  if (stored) {
    // Not before its manifest is here: a digest that a HEAD alone has told may be wrong.
    if (told) house.tags.keep(source, tag, mapping, asked);
    const status = together(label.status, { hit: stored.layer });
    return negotiated(house, source, stored.value, { ...label, status }, asked);
  }
  const { digest, mediaType, size } = mapping;
  const isTold = mediaType !== undefined && size !== undefined;
  if (asked.head && isTold && suits(mediaType, asked.accept)) {
    return { digest, mediaType, size, ...label };
  }
  if (source.rule.offline) throw offline(source.rule, "MANIFEST_UNKNOWN");
  const fetched = await fetchMeant(house, source, tag, digest, asked);
  const { manifest, status } = fetched;
  if (told && manifest.digest === digest) house.tags.keep(source, tag, mapping, asked);
  const pulled = await negotiated(house, source, manifest, { ...label, status }, asked);
  return { ...pulled, mapping: fetched.mapping ?? mapping };
}

interface Fetched {
  manifest: Manifest;
  status: CacheStatus;
  /** Where the tag turned out to mean another. */
  mapping?: TagMapping;
}

/** The manifest that the tag means. Where the upstream does not have the digest that its HEAD named (the tag moved
 * in between, or HEAD is wrong), its GET by tag has the last word. */
async function fetchMeant(
  house: House,
  source: Source,
  tag: string,
  digest: Digest,
  asked: Asked,
): Promise<Fetched> {
  const named = { ...askingOf(asked), named: true, linked: true };
  try {
    return await fetched(house, source, digest, named, asked);
  } catch (error) {
    if (!isWrongDigest(error)) throw error;
    const checking = house.fills.checkTagByGet(source, tag, digest, askingOf(asked));
    const { mapping, how } = await timed(asked.steps, "tag", checking);
    permitMeant(source, mapping.digest, asked);
    house.tags.keep(source, tag, mapping, asked);
    const { manifest } = await fetched(house, source, mapping.digest, named, asked);
    return { manifest, status: statusOf(how), mapping };
  }
}

async function fetched(
  house: House,
  source: Source,
  digest: Digest,
  asking: Asking,
  asked: Asked,
): Promise<Fetched> {
  const joining = house.fills.joinManifest(digest, source, asking);
  const { manifest, how } = await timed(asked.steps, "fill", joining);
  house.manifests.keep(manifest, asked);
  return { manifest, status: statusOf(how) };
}

export async function pullByDigest(
  house: House,
  source: Source,
  digest: Digest,
  asked: ManifestAsked,
): Promise<PulledManifest> {
  await permitDigest(house, source, digest, asked);
  const { links } = house;
  const looking = house.manifests.get(digest, asked);
  const { linked, here } = await timed(
    asked.steps,
    "read",
    links.here(source, digest, "manifest", asked, looking),
  );
  if (here) return described(here.value, { status: { hit: here.layer } });
  const fetching = fetchPermitted(house, source, digest, asked, linked);
  const pulled = await (linked ? fetching : inFewWords(fetching));
  // A HEAD starts no fill, and leaves nothing behind.
  if (!linked && pulled.bytes) links.add(source, digest, asked);
  return pulled;
}

/** A child of an index that the repository has. */
async function pullChild(
  house: House,
  source: Source,
  digest: Digest,
  asked: ManifestAsked,
): Promise<PulledManifest> {
  const stored = await timed(asked.steps, "read", house.manifests.get(digest, asked));
  if (stored) return described(stored.value, { status: { hit: stored.layer } });
  return fetchPermitted(house, source, digest, asked, true);
}

/** @param linked whether the repository is known to have it */
async function fetchPermitted(
  house: House,
  source: Source,
  digest: Digest,
  asked: ManifestAsked,
  linked: boolean,
): Promise<PulledManifest> {
  if (source.rule.offline) throw offline(source.rule, "MANIFEST_UNKNOWN");
  const told = asked.head
    ? await timed(asked.steps, "fill", house.fills.headManifest(digest, source, askingOf(asked)))
    : undefined;
  if (told) return { digest, ...told, status: { fwd: "uri-miss" } };
  const asking = { ...askingOf(asked), linked };
  const { manifest, status } = await fetched(house, source, digest, asking, asked);
  return described(manifest, { status });
}

/** A client that accepts no index gets the linux/amd64 manifest of one, as distribution does; for tags only, since
 * whoever names a digest wants those bytes. */
async function negotiated(
  house: House,
  source: Source,
  manifest: Manifest,
  label: Labelled,
  asked: ManifestAsked,
): Promise<PulledManifest> {
  if (suits(manifest.mediaType, asked.accept)) return described(manifest, label);
  const child = defaultChild(manifest.bytes);
  if (!child) {
    throw new RegistryError(
      "MANIFEST_UNKNOWN",
      "this tag is an index without a linux/amd64 manifest, and the client accepts no index",
    );
  }
  // The tag that leads to it was permitted.
  permitMeant(source, child, asked);
  const pulled = await pullChild(house, source, child, asked);
  return { ...label, ...pulled, status: together(label.status, pulled.status) };
}

function suits(mediaType: string, accept: string | undefined): boolean {
  return !INDEX_TYPES.includes(mediaType) || accepts(accept, INDEX_TYPES);
}

function described({ digest, mediaType, bytes }: Manifest, label: Labelled): PulledManifest {
  return { digest, mediaType, size: bytes.byteLength, bytes, ...label };
}
