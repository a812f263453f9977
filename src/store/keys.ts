// Every key that is stored, in one place.
//
//   R2   blobs/<algorithm>/<hex>                        a blob's head: its first segment, its layout as metadata
//   R2   blobs/<algorithm>/<hex>/<attempt>/<number>     a segment; of a blob without a head: of a running fill
//   R2   manifests/<algorithm>/<hex>                    a manifest; its media type as the content type
//   KV   manifest:<digest>                              the same, near
//   KV   blob:<digest>                                  a blob's layout, near: a claim that its head is there
//   R2   tags/<origin>//<repository>:<tag>              what a tag means and has meant, as metadata; written on a change
//   KV   tag:<origin>//<repository>:<tag>               what a tag was last known to mean, and when that was
//   R2   links/<algorithm>/<hex>/<origin>//<repository> that this repository's upstream has shown that it has the digest
//   KV   link:<origin>//<repository>@<digest>           the same, near, and when that was confirmed
//   KV   list:<origin>//<repository>/<list>?<query>     a page of tags, or of referrers
//   KV   probe:nothing                                  nothing, ever: whoever looks a deployment over asks for it, and R2 for the same
//   edge segment/<digest>/<generation>/<number>         a copy of a segment, of that generation and no other
//   edge near/<key of KV>                               a copy of what KV has under that key, for seconds
//   Durable Object of a blob       fill                 what a reset must not lose of a running fill
//   Durable Object of a tag        mapping              what KV may not show yet
//   Durable Object of either       outbox-<time>-<n>    what the catalog could not be told yet; of a manifest's too. Once all under outbox
//   Durable Object of an upstream  health               cooldown and rate budget (upstream/gate)
//   Durable Object of an upstream  referrers            which repositories have the referrers API (upstream/referrers-api)
//   Durable Object of an upstream  heads                whether its HEAD is believed when it says 404 (upstream/head-trust)
//
// An origin is an upstream's host as one credential sees it (policy/source). A rule's prefix is in no key:
// two names of one image share, and a rule that is pointed elsewhere starts clean. The edge cache's keys are URLs of a
// cache of their own, which no request of a client's leads to. The isolate's memory uses KV's keys.

import { createHash } from "node:crypto";
import { algorithmOf, type Digest, hexOf, isDigest } from "../oci/digest.ts";

export const FILL_KEY = "fill";
export const MAPPING_KEY = "mapping";
/** What all keys of an outbox begin with; by itself a list of facts that an earlier version has kept. */
export const OUTBOX_KEY = "outbox";

/** What all keys of a kind begin with. */
export const BLOBS = "blobs/";
export const MANIFESTS = "manifests/";
export const TAGS = "tags/";

export function blobKey(digest: Digest): string {
  return `blobs/${algorithmOf(digest)}/${hexOf(digest)}`;
}

/** One fact: a value of an object's storage is bounded, and so is a fact. In the order in which they were kept.
 * @param now in ms since the epoch @param count of the object since it was made */
export function outboxKey(now: number, count: number): string {
  return `${OUTBOX_KEY}-${String(now).padStart(15, "0")}-${String(count).padStart(9, "0")}`;
}

/** Everything of one attempt; the numbers are padded so that a listing comes in order. */
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

/** What a segment belongs to; undefined for any other key. */
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

export function blobKvKey(digest: Digest): string {
  return `blob:${digest}`;
}

/** The Cache API's keys are URLs, and are best of the host that was asked: "avoid overriding the hostname in cache requests"
 * (Workers, Cache API). */
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

/** Of all tags of a repository; a name has no colon. */
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

/** Of all repositories, or of those of one origin, that have shown that they have the digest. */
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

/** What is under no key: to see whether a binding answers. */
export function probeKey(): string {
  return "probe:nothing";
}

/** R2 takes keys of up to 1,024 bytes, of which a digest and a repository have up to 400. */
function shortened(origin: string): string {
  if (origin.length <= 600) return origin;
  return `${origin.slice(0, 500)}#${createHash("sha256").update(origin).digest("hex")}`;
}

/** KV takes keys of up to 512 bytes: a longer one ends in its own hash. */
function fitted(key: string): string {
  if (key.length <= 512) return key;
  return `${key.slice(0, 440)}#${createHash("sha256").update(key).digest("hex")}`;
}
