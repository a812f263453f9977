// Manifest pull: resolves a tag to a digest and serves the manifest of a digest.

import { timed } from "../meter/steps.ts";
import { accepts } from "../oci/accept.ts";
import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "../oci/error.ts";
import { twinOf } from "../oci/hash.ts";
import { defaultChild, INDEX_TYPES } from "../oci/manifest.ts";
import type { TagMapping } from "../policy/fresh.ts";
import type { Manifest } from "../store/manifests.ts";
import type { Found } from "../store/near.ts";
import { offline } from "../upstream/client/offline.ts";
import type { Ahead } from "./admission/admission.ts";
import type { VulnerabilityCheck } from "./admission/vulnerabilities.ts";
import { together } from "./cache-status.ts";
import { fetchHeld, fetchManifest, fetchResolved } from "./fetch-manifest.ts";
import { type Here, unlinked } from "./links.ts";
import { permitBytes, permitDigest, permitMeant, permitTag } from "./permit.ts";
import { askingOf } from "./pull.ts";
import { rechecking } from "./recheck.ts";
import type { DigestRequest, RepositoryRequest } from "./request.ts";
import {
  confirmTag,
  movedTag,
  permitResolved,
  type ResolvedTag,
  reportProof,
  resolveTag,
  type TagRequest,
} from "./resolve-tag.ts";
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
  /** The digest that the tag means here, which is another one than the mapping's while the tag is held. */
  meant?: Digest;
}

/** A request for a manifest, by tag or by digest. */
interface ManifestRequest extends RepositoryRequest {
  /** HEAD: the description suffices. */
  readonly head: boolean;
  readonly accept: string | undefined;
  /** Begins lookups for the admission of the digest. */
  readonly foresee?: (digest: Digest) => void;
}

type ByTag = ManifestRequest & TagRequest;
type ByDigest = ManifestRequest & DigestRequest;

export async function pullByTag(request: ByTag): Promise<PulledManifest> {
  const { source, tag, pull, head } = request;
  permitTag(source, tag);
  const resolving = resolveTag({ ...request, pull: { ...pull, content: !head } });
  const resolved = await timed(pull.steps, "tag", resolving);
  permitResolved(request, resolved);
  return admitted(request, (foreseeing) =>
    pullResolved(foreseeing, resolved).catch(async (error) =>
      pullResolved(foreseeing, await movedTag(request, resolved, error)),
    ),
  );
}

/** Pulls, and admits what is served: the last step, so that an image that the repository may not have is refused as such. */
async function admitted<Request extends ManifestRequest>(
  request: Request,
  work: (request: Request) => Promise<PulledManifest>,
): Promise<PulledManifest> {
  const { services } = request;
  let ahead: Ahead | undefined;
  let verdict: ReturnType<VulnerabilityCheck["ahead"]>;
  let foreseen: Digest | undefined;
  const foresee = (digest: Digest) => {
    ahead = services.admission.ahead({ ...request, digest }, "manifest");
    verdict = services.vulnerabilities.ahead({ ...request, digest });
    foreseen = digest;
  };
  const pulled = await work({ ...request, foresee });
  const { digest, bytes } = pulled;
  const served = { ...request, digest, kind: "manifest" as const, ...(bytes && { bytes }) };
  await services.admission.admit(served, ahead);
  await services.vulnerabilities.check(served, foreseen === digest ? verdict : undefined);
  return pulled;
}

async function pullResolved(request: ByTag, resolved: ResolvedTag): Promise<PulledManifest> {
  const { services, source, tag, pull } = request;
  const { mapping, meant, label, isFromObject } = resolved;
  const { digest, mediaType, size } = meant;
  const isHeld = digest !== mapping.digest;
  request.foresee?.(digest);
  const reading = storedManifest(request, resolved);
  const { linked, here, wasLinked = false } = await timed(pull.steps, "read", reading);
  if (linked && !isHeld) reportProof(request, mapping);
  if (here) {
    // Cached only once the manifest is here: a digest that only a HEAD has reported may be wrong.
    if (isFromObject) services.tags.keep(source, tag, mapping, pull);
    const status = together(label.status, { hit: here.layer });
    const pulled = await negotiated(request, here.value, { ...label, status });
    return { mapping, meant: digest, ...pulled };
  }
  const isDescribed = mediaType !== undefined && size !== undefined;
  if (request.head && isDescribed && suits(mediaType, request.accept)) {
    const sure = await confirmTag(request, resolved);
    if (sure) return pullResolved(request, sure);
    return { digest, mediaType, size, mapping, meant: digest, ...label };
  }
  const named = { ...request, digest };
  const fetch = async () => {
    if (source.rule.offline) throw offline(source.rule, "MANIFEST_UNKNOWN");
    return isHeld ? fetchHeld(named, mapping, linked) : fetchResolved(named, linked);
  };
  const fetched = await (linked ? fetch() : unlinked(named, wasLinked, fetch));
  const { manifest, status } = fetched;
  if (manifest.digest === digest) {
    if (!isHeld) reportProof(request, mapping);
    if (isFromObject) services.tags.keep(source, tag, mapping, pull);
  }
  const pulled = await negotiated(request, manifest, { ...label, status });
  return { ...pulled, mapping: fetched.mapping ?? mapping, meant: manifest.digest };
}

/** The tag's manifest, if the repository may have it. A tag alone is no proof: an upstream can point it at any digest. */
async function storedManifest(
  { services, source, pull }: ByTag,
  { meant: { digest, proved }, isFromObject }: ResolvedTag,
): Promise<Here<Found<Manifest>>> {
  const looking = services.manifests.get(digest, pull);
  if (proved) return { linked: true, here: await looking };
  // A tag that was only just resolved rarely has a link, so look for one only if the manifest is stored.
  if (isFromObject && !(await looking)) return { linked: false, here: undefined };
  const found = await services.links.here({ source, digest, kind: "manifest", pull }, looking);
  return { ...found, ...(proved === undefined && { wasLinked: true }) };
}

export async function pullByDigest(request: ByDigest): Promise<PulledManifest> {
  await permitDigest(request);
  return admitted(request, (foreseeing) => rechecking(request, () => pullPermitted(foreseeing)));
}

/** Serves a manifest by digest, or as a child of an index. Being named by an index gives no access. */
async function pullPermitted(request: ByDigest): Promise<PulledManifest> {
  const { services, source, digest, pull } = request;
  request.foresee?.(digest);
  const looking = services.manifests.get(digest, pull);
  const reading = services.links.here({ source, digest, kind: "manifest", pull }, looking);
  const { linked, here, wasLinked = false } = await timed(pull.steps, "read", reading);
  if (here) return described(request, here.value, { status: { hit: here.layer } });
  const fetch = () => fetchPermitted(request, linked);
  if (linked) return fetch();
  const pulled = await unlinked(request, wasLinked, fetch);
  if (pulled.bytes) services.links.add(source, digest, pull);
  return pulled;
}

/** Fetches a manifest that is not stored. HEAD starts no fill and stores nothing. `linked` says whether the repository is known to
 * have the digest. */
async function fetchPermitted(request: ByDigest, linked: boolean): Promise<PulledManifest> {
  const { services, source, digest, pull, head } = request;
  if (source.rule.offline) throw offline(source.rule, "MANIFEST_UNKNOWN");
  const description = head
    ? await timed(pull.steps, "fill", services.fills.headManifest(digest, source, askingOf(pull)))
    : undefined;
  if (description) return { digest, ...description, status: { fwd: "uri-miss" } };
  const { manifest, status } = await fetchManifest(request, { ...askingOf(pull), linked });
  return described(request, manifest, { status });
}

/** For clients that accept no index, chooses the index's linux/amd64 manifest, as distribution does. Applies to tags only, because
 * a request by digest asks for exactly those bytes. */
async function negotiated(
  request: ManifestRequest,
  manifest: Manifest,
  label: Labelled,
): Promise<PulledManifest> {
  if (suits(manifest.mediaType, request.accept)) return described(request, manifest, label);
  const { source, pull } = request;
  await permitBytes(source, manifest.digest, pull, () => twinOf(manifest.digest, manifest.bytes));
  const digest = defaultChild(manifest.bytes);
  if (!digest) {
    throw new RegistryError(
      "MANIFEST_UNKNOWN",
      "this tag is an index without a linux/amd64 manifest, and the client accepts no index",
    );
  }
  // The tag that leads to the child was permitted already.
  permitMeant(source, digest, pull);
  const child = { ...request, digest };
  const pulled = await rechecking(child, () => pullPermitted(child));
  return { ...label, ...pulled, status: together(label.status, pulled.status) };
}

function suits(mediaType: string, accept: string | undefined): boolean {
  return !INDEX_TYPES.includes(mediaType) || accepts(accept, INDEX_TYPES);
}

/** Throws DENIED (403) for bytes whose digest by the other algorithm is denied. */
async function described(
  { source, pull }: RepositoryRequest,
  { digest, mediaType, bytes }: Manifest,
  label: Labelled,
): Promise<PulledManifest> {
  await permitBytes(source, digest, pull, () => twinOf(digest, bytes));
  return { digest, mediaType, size: bytes.byteLength, bytes, ...label };
}
