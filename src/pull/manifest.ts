// Manifest pull: resolves a tag to a digest and serves the manifest of a digest.

import type { Asking } from "../fill/contract.ts";
import { isWrongDigest } from "../fill/tag/tag-check.ts";
import { timed } from "../meter/steps.ts";
import { accepts } from "../oci/accept.ts";
import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "../oci/error.ts";
import { twinOf } from "../oci/hash.ts";
import { defaultChild, INDEX_TYPES } from "../oci/manifest.ts";
import type { TagMapping } from "../policy/fresh.ts";
import type { Source } from "../policy/source.ts";
import type { Manifest } from "../store/manifests.ts";
import type { Found } from "../store/near.ts";
import { offline } from "../upstream/client/offline.ts";
import { type CacheStatus, statusOf, together } from "./cache-status.ts";
import { type Here, unlinked } from "./links.ts";
import { permitBytes, permitDigest, permitMeant, permitTag } from "./permit.ts";
import { askingOf, type Pull } from "./pull.ts";
import { rechecking } from "./recheck.ts";
import { confirmTag, movedTag, type ResolvedTag, reportProof, resolveTag } from "./resolve-tag.ts";
import type { PullServices } from "./services.ts";
import type { Labelled } from "./stale.ts";

/** A manifest to be served; without bytes when only its description was requested. */
export interface PulledManifest extends Labelled {
  digest: Digest;
  mediaType: string;
  /** In bytes; undefined where only a HEAD was answered and the upstream did not report it. */
  size: number | undefined;
  bytes?: Uint8Array;
  /** Mapping of the tag that was requested. For a child manifest chosen for the client, the mapping of its index. */
  mapping?: TagMapping;
}

export interface ManifestAsked extends Pull {
  /** HEAD: the description suffices. */
  head: boolean;
  accept: string | undefined;
}

export async function pullByTag(
  services: PullServices,
  source: Source,
  tag: string,
  asked: ManifestAsked,
): Promise<PulledManifest> {
  permitTag(source, tag);
  const meant = await timed(
    asked.steps,
    "tag",
    resolveTag(services, source, tag, { ...asked, content: !asked.head }),
  );
  permitMeant(source, meant.mapping.digest, asked);
  return pullResolved(services, source, tag, meant, asked).catch(async (error) => {
    const moved = await movedTag(services, source, tag, meant, error, asked);
    return pullResolved(services, source, tag, moved, asked);
  });
}

async function pullResolved(
  services: PullServices,
  source: Source,
  tag: string,
  meant: ResolvedTag,
  asked: ManifestAsked,
): Promise<PulledManifest> {
  const { mapping, label, told } = meant;
  const { digest, mediaType, size } = mapping;
  const { linked, here, wasLinked } = await timed(
    asked.steps,
    "read",
    storedManifest(services, source, meant, asked),
  );
  if (linked) reportProof(services, source, tag, mapping, asked);
  if (here) {
    // Cached only once the manifest is here: a digest that only a HEAD has reported may be wrong.
    if (told) services.tags.keep(source, tag, mapping, asked);
    const status = together(label.status, { hit: here.layer });
    const pulled = await negotiated(services, source, here.value, { ...label, status }, asked);
    return { mapping, ...pulled };
  }
  const isTold = mediaType !== undefined && size !== undefined;
  if (asked.head && isTold && suits(mediaType, asked.accept)) {
    const sure = await confirmTag(services, source, tag, meant, asked);
    if (sure) return pullResolved(services, source, tag, sure, asked);
    return { digest, mediaType, size, mapping, ...label };
  }
  const fetch = async () => {
    if (source.rule.offline) throw offline(source.rule, "MANIFEST_UNKNOWN");
    return fetchResolved(services, source, tag, digest, linked, asked);
  };
  const fetched = await (linked ? fetch() : unlinked(source, digest, wasLinked ?? false, fetch));
  const { manifest, status } = fetched;
  if (manifest.digest === digest) reportProof(services, source, tag, mapping, asked);
  if (told && manifest.digest === digest) services.tags.keep(source, tag, mapping, asked);
  const pulled = await negotiated(services, source, manifest, { ...label, status }, asked);
  return { ...pulled, mapping: fetched.mapping ?? mapping };
}

/** The tag's manifest, if the repository may have it. A tag alone is no proof: an upstream can point it at any digest. */
async function storedManifest(
  services: PullServices,
  source: Source,
  { mapping: { digest, proved }, told }: ResolvedTag,
  asked: ManifestAsked,
): Promise<Here<Found<Manifest>>> {
  const looking = services.manifests.get(digest, asked);
  if (proved) return { linked: true, here: await looking };
  // A tag that was only just resolved rarely has a link, so look for one only if the manifest is stored.
  if (told && !(await looking)) return { linked: false, here: undefined };
  const found = await services.links.here(source, digest, "manifest", asked, looking);
  return { ...found, ...(proved === undefined && { wasLinked: true }) };
}

interface Fetched {
  manifest: Manifest;
  status: CacheStatus;
  /** Set where the tag turned out to point to another digest. */
  mapping?: TagMapping;
}

/** Fetches the manifest that the tag points to. If the upstream does not have the digest that its HEAD named (the tag moved in
 * between, or HEAD is wrong), its GET by tag decides. */
async function fetchResolved(
  services: PullServices,
  source: Source,
  tag: string,
  digest: Digest,
  linked: boolean,
  pull: Pull,
): Promise<Fetched> {
  const named = { ...askingOf(pull), named: true };
  try {
    return await fetched(services, source, digest, { ...named, linked }, pull);
  } catch (error) {
    if (!isWrongDigest(error)) throw error;
    const checking = services.fills.checkTagByGet(source, tag, digest, askingOf(pull));
    const { mapping, how } = await timed(pull.steps, "tag", checking);
    permitMeant(source, mapping.digest, pull);
    services.tags.keep(source, tag, mapping, pull);
    const { manifest } = await fetched(services, source, mapping.digest, named, pull);
    return { manifest, status: statusOf(how), mapping };
  }
}

async function fetched(
  services: PullServices,
  source: Source,
  digest: Digest,
  asking: Asking,
  pull: Pull,
): Promise<Fetched> {
  const joining = services.fills.joinManifest(digest, source, asking);
  const { manifest, how } = await timed(pull.steps, "fill", joining);
  services.manifests.keep(manifest, pull);
  return { manifest, status: statusOf(how) };
}

export async function pullByDigest(
  services: PullServices,
  source: Source,
  digest: Digest,
  asked: ManifestAsked,
): Promise<PulledManifest> {
  await permitDigest(services, source, digest, asked);
  const work = () => pullPermitted(services, source, digest, asked);
  return rechecking(services, source, digest, asked, work);
}

/** Serves a manifest by digest, or as a child of an index. Being named by an index gives no access. */
async function pullPermitted(
  services: PullServices,
  source: Source,
  digest: Digest,
  asked: ManifestAsked,
): Promise<PulledManifest> {
  const looking = services.manifests.get(digest, asked);
  const { linked, here, wasLinked } = await timed(
    asked.steps,
    "read",
    services.links.here(source, digest, "manifest", asked, looking),
  );
  if (here) return described(source, here.value, { status: { hit: here.layer } }, asked);
  const fetch = () => fetchPermitted(services, source, digest, asked, linked);
  if (linked) return fetch();
  const pulled = await unlinked(source, digest, wasLinked ?? false, fetch);
  if (pulled.bytes) services.links.add(source, digest, asked);
  return pulled;
}

/** Fetches a manifest that is not stored. HEAD starts no fill and stores nothing. `linked` says whether the repository is known to
 * have the digest. */
async function fetchPermitted(
  services: PullServices,
  source: Source,
  digest: Digest,
  asked: ManifestAsked,
  linked: boolean,
): Promise<PulledManifest> {
  if (source.rule.offline) throw offline(source.rule, "MANIFEST_UNKNOWN");
  const told = asked.head
    ? await timed(asked.steps, "fill", services.fills.headManifest(digest, source, askingOf(asked)))
    : undefined;
  if (told) return { digest, ...told, status: { fwd: "uri-miss" } };
  const asking = { ...askingOf(asked), linked };
  const { manifest, status } = await fetched(services, source, digest, asking, asked);
  return described(source, manifest, { status }, asked);
}

/** For clients that accept no index, chooses the index's linux/amd64 manifest, as distribution does. Applies to tags only, because
 * a request by digest asks for exactly those bytes. */
async function negotiated(
  services: PullServices,
  source: Source,
  manifest: Manifest,
  label: Labelled,
  asked: ManifestAsked,
): Promise<PulledManifest> {
  if (suits(manifest.mediaType, asked.accept)) return described(source, manifest, label, asked);
  await permitBytes(source, manifest.digest, asked, () => twinOf(manifest.digest, manifest.bytes));
  const child = defaultChild(manifest.bytes);
  if (!child) {
    throw new RegistryError(
      "MANIFEST_UNKNOWN",
      "this tag is an index without a linux/amd64 manifest, and the client accepts no index",
    );
  }
  // The tag that leads to the child was permitted already.
  permitMeant(source, child, asked);
  const work = () => pullPermitted(services, source, child, asked);
  const pulled = await rechecking(services, source, child, asked, work);
  return { ...label, ...pulled, status: together(label.status, pulled.status) };
}

function suits(mediaType: string, accept: string | undefined): boolean {
  return !INDEX_TYPES.includes(mediaType) || accepts(accept, INDEX_TYPES);
}

/** Throws DENIED (403) for bytes whose digest by the other algorithm is denied. */
async function described(
  source: Source,
  { digest, mediaType, bytes }: Manifest,
  label: Labelled,
  pull: Pull,
): Promise<PulledManifest> {
  await permitBytes(source, digest, pull, () => twinOf(digest, bytes));
  return { digest, mediaType, size: bytes.byteLength, bytes, ...label };
}
