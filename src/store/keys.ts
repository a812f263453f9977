// Keys: all keys of stored data.
//
//   R2   blobs/<algorithm>/<hex>                        a blob's head: its first segment, with the layout as metadata
//   R2   blobs/<algorithm>/<hex>/<attempt>/<number>     a segment; without a head, of a running fill
//   R2   manifests/<algorithm>/<hex>                    a manifest, with its media type as the content type
//   KV   manifest:<digest>                              a copy of the manifest
//   KV   blob:<digest>                                  a copy of a blob's layout, which may be outdated
//   R2   verdicts/<algorithm>/<hex>                     what scanners found in a manifest, as JSON
//   KV   verdict:<digest>                               a copy of the verdict
//   R2   tags/<origin>//<repository>:<tag>              a tag's current and former digests, and its history, as metadata
//   KV   tag:<origin>//<repository>:<tag>               a tag's last known digest, when it was checked, its history
//   R2   links/<algorithm>/<hex>/<origin>//<repository> a link: proof that the repository has the digest at its upstream
//   KV   link:<origin>//<repository>@<digest>           a copy of the link, with the time of its confirmation
//   KV   list:<origin>//<repository>/<list>?<query>     a page of tags or referrers
//   KV   admission:<kind>:<origin>//<repository>@<digest> <version>   a digest that a rule's verify lets pass, 90 days from its last renewal
//   KV   probe:nothing                                  never written: read by health checks, also from R2
//   edge segment/<digest>/<generation>/<number>         a copy of a segment of that generation
//   edge near/<key of KV>                               a copy of KV's value of that key, for seconds
//   Durable Object of a blob       fill                 state of a running fill that must survive a reset
//   Durable Object of a tag        mapping              the tag's mapping, which KV may not show yet
//   Durable Object of either       outbox-<time>-<n>    facts not yet sent to the catalog; also of a manifest. In earlier versions, outbox
//   Durable Object of an upstream  health               cooldown and rate budget (upstream/gate)
//   Durable Object of an upstream  referrers            which repositories have the referrers API (upstream/referrers-api)
//   Durable Object of an upstream  heads                whether a 404 to its HEAD is trusted (upstream/head-trust)
//
// An origin is an upstream with a list of credentials (policy/source). No key contains a rule's prefix: two names of one image share its
// data, and a rule whose upstream changes starts empty. The edge cache's keys are URLs in a separate cache, which no client request
// reaches. The isolate's memory uses KV's keys.

import { createHash } from "node:crypto";
import { algorithmOf, type Digest, hexOf, isDigest } from "../oci/digest.ts";

export const FILL_KEY = "fill";
export const MAPPING_KEY = "mapping";
/** Prefix of an outbox's keys; as a whole key, a list of facts stored by an earlier version. */
export const OUTBOX_KEY = "outbox";

/** Prefixes of R2's keys by kind. */
export const BLOBS = "blobs/";
export const MANIFESTS = "manifests/";
export const TAGS = "tags/";

export function blobKey(digest: Digest): string {
  return `blobs/${algorithmOf(digest)}/${hexOf(digest)}`;
}

/** Key of one fact, since the size of a stored value is limited; sorts by time.
 * @param now in ms since the epoch @param count number of the fact since the object's start */
export function outboxKey(now: number, count: number): string {
  return `${OUTBOX_KEY}-${String(now).padStart(15, "0")}-${String(count).padStart(9, "0")}`;
}

/** Prefix of an attempt's segments, whose numbers are padded so that a listing is in order. */
export function attemptPrefix(digest: Digest, attempt: string): string {
  return `${blobKey(digest)}/${attempt}/`;
}

export function segmentKey(digest: Digest, attempt: string, number: number): string {
  return attemptPrefix(digest, attempt) + String(number).padStart(6, "0");
}

export function segmentNumber(key: string): number {
  return Number(key.slice(key.lastIndexOf("/") + 1));
}

/** The digest of a blob's head; undefined for any other key. */
export function blobDigestOf(key: string): Digest | undefined {
  return digestAt(BLOBS, key);
}

/** The digest and attempt of a segment; undefined for any other key. */
export function segmentOf(key: string): { digest: Digest; attempt: string } | undefined {
  const [, head = "", attempt] = /^(.+)\/([^/]+)\/\d+$/.exec(key) ?? [];
  const digest = blobDigestOf(head);
  return digest && attempt !== undefined ? { digest, attempt } : undefined;
}

export function manifestDigestOf(key: string): Digest | undefined {
  return digestAt(MANIFESTS, key);
}

function digestAt(prefix: string, key: string): Digest | undefined {
  if (!key.startsWith(prefix)) return undefined;
  const digest = key.slice(prefix.length).replace("/", ":");
  return isDigest(digest) ? digest : undefined;
}

export function manifestKey(digest: Digest): string {
  return `manifests/${algorithmOf(digest)}/${hexOf(digest)}`;
}

export function manifestKvKey(digest: Digest): string {
  return `manifest:${digest}`;
}

export function verdictKey(digest: Digest): string {
  return `verdicts/${algorithmOf(digest)}/${hexOf(digest)}`;
}

export function verdictKvKey(digest: Digest): string {
  return `verdict:${digest}`;
}

export function blobKvKey(digest: Digest): string {
  return `blob:${digest}`;
}

/** A key of the Cache API, a URL with the host of the request: "avoid overriding the hostname in cache requests" (Workers, Cache API). */
export function edgeUrl(host: string, key: string): string {
  return `https://${host}/${key}`;
}

export function edgeSegmentKey(digest: Digest, generation: string, number: number): string {
  return `segment/${digest}/${generation}/${number}`;
}

/** @param key of KV */
export function edgeNearKey(key: string): string {
  return `near/${key}`;
}

/** @param place origin and repository (policy/source) */
export function tagKey(place: string, tag: string): string {
  return fitted(`tag:${place}:${tag}`);
}

/** Prefix of all tags of a repository; a name contains no colon. */
export function tagRecordPrefix(place: string): string {
  return `tags/${place}:`;
}

export function tagRecordKey(place: string, tag: string): string {
  return tagRecordPrefix(place) + tag;
}

export function tagNameOf(key: string): { place: string; tag: string } | undefined {
  const colon = key.lastIndexOf(":"); // an origin may have a port
  if (!key.startsWith(TAGS) || colon < 0) return undefined;
  return { place: key.slice(TAGS.length, colon), tag: key.slice(colon + 1) };
}

/** Prefix of a digest's links to all repositories, or to those of one origin. */
export function linkRecordPrefix(digest: Digest, origin?: string): string {
  const all = `links/${algorithmOf(digest)}/${hexOf(digest)}/`;
  return origin === undefined ? all : `${all}${shortened(origin)}//`;
}

/** @param place origin and repository (policy/source) */
export function linkRecordKey(place: string, digest: Digest): string {
  const end = place.lastIndexOf("//");
  return linkRecordPrefix(digest, place.slice(0, end)) + place.slice(end + 2);
}

export function linkKey(place: string, digest: Digest): string {
  return fitted(`link:${place}@${digest}`);
}

/** @param list `tags`, or `referrers/<digest>` */
export function listKey(place: string, list: string, query: string): string {
  return fitted(`list:${place}/${list}?${query}`);
}

/** @param place origin and repository (policy/source)
 * @param kind as what it is served: the bytes of a blob may be a valid manifest
 * @param version of the policy (signatures/open) */
export function admissionKey(
  place: string,
  digest: Digest,
  kind: "manifest" | "blob",
  version: string,
): string {
  return fitted(`admission:${kind}:${place}@${digest} ${version}`);
}

/** A key that is never written, for testing whether a binding works. */
export function probeKey(): string {
  return "probe:nothing";
}

/** Shortens an origin for R2's limit of 1,024 bytes for a key, of which a digest and a repository take up to 400. */
function shortened(origin: string): string {
  if (origin.length <= 600) return origin;
  return `${origin.slice(0, 500)}#${createHash("sha256").update(origin).digest("hex")}`;
}

/** Shortens a key to KV's limit of 512 bytes; a longer one ends with its hash. */
function fitted(key: string): string {
  if (key.length <= 512) return key;
  return `${key.slice(0, 440)}#${createHash("sha256").update(key).digest("hex")}`;
}
