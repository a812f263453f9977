// Recheck: when the upstream lacks a digest, the tags that lead to it are checked again at once, so that a moved tag does not
// keep naming a digest that cannot be pulled. Runs only after a 404, never on a hit.

import { LRUCache } from "lru-cache";
import type { Leading } from "../catalog/query/contract.ts";
import type { Digest } from "../oci/digest.ts";
import { atMost } from "../platform/bounded.ts";
import { within } from "../platform/deadline.ts";
import { isTagAllowed } from "../policy/allowed.ts";
import type { TagMapping } from "../policy/fresh.ts";
import { type Source, sourceKey } from "../policy/source.ts";
import { Claims } from "../store/claims.ts";
import { isUnknown } from "../upstream/client/refusal.ts";
import { askingOf } from "./pull.ts";
import type { DigestRequest } from "./request.ts";

/** How long this isolate distrusts older mappings to a missing digest, in ms. KV may show the new mapping only after 60 s or more. */
const DOUBT_DURATION = 2 * 60_000;
/** Maximum number of doubted digests. A client can add one with each digest it requests in vain and so evict others; their tags
 * are then rechecked when their TTL ends. */
const MAX_DOUBTS = 5_000;
/** Minimum interval between lookups of the tags that lead to the same missing digest, in ms. */
const RECHECK_INTERVAL = 10_000;
const MAX_LOOKUPS = 5_000;
/** Maximum number of tags rechecked for one missing digest: the most recent ones, one HEAD each. */
const MAX_TAGS = 8;
/** Catalog timeout in ms. */
const CATALOG_TIMEOUT = 1_000;

/** Place and digest → time from which it is doubted, in ms since the epoch. */
const doubts = new LRUCache<string, number>(atMost(MAX_DOUBTS));
const lookups = new Claims(MAX_LOOKUPS);

/** Whether the tag's digest was found missing or incomplete upstream since the tag was last checked. */
export function isDoubted(source: Source, { digest, checkedAt }: TagMapping): boolean {
  const since = doubts.get(keyOf(source, digest));
  return since !== undefined && checkedAt <= since && Date.now() - since < DOUBT_DURATION;
}

/** Whether the error is the upstream's 404, and not that of an offline rule. */
export function isMissing({ rule }: Source, error: unknown): boolean {
  return isUnknown(error) && !rule.offline;
}

/** Runs `work`, which pulls a digest. On a 404, rechecks the tags that lead to it before the error is returned, so that the
 * client's next request by tag matches the upstream. */
export async function rechecking<T>(request: DigestRequest, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isMissing(request.source, error)) throw error;
    if (await recheck(request)) return work();
    throw error;
  }
}

/** @returns whether the recheck has brought the digest into the cache */
async function recheck(request: DigestRequest): Promise<boolean> {
  const { source, digest } = request;
  const now = Date.now();
  doubts.set(keyOf(source, digest), now);
  // Attack: a client requests endless missing digests. Each upstream 404 counts against that client's share (upstream/gate), and
  // each digest triggers one lookup per interval.
  if (!lookups.take(keyOf(source, digest), now, RECHECK_INTERVAL)) return false;
  const { tags, roots } = await leadingTo(request);
  for (const root of roots) doubts.set(keyOf(source, root), now);
  const allowed = tags.filter(({ tag }) => isTagAllowed(source, tag)).slice(0, MAX_TAGS);
  const came = await Promise.all(
    allowed.map((tag) => recheckTag(request, tag).catch(logUnchecked)),
  );
  return came.includes(true);
}

async function leadingTo({ services, source, digest }: DigestRequest): Promise<Leading> {
  try {
    const asking = services.catalog.leading(sourceKey(source), digest);
    return await within(asking, CATALOG_TIMEOUT);
  } catch (error) {
    const { message } = error as Error;
    console.warn(`entrepot: the catalog did not say which tags lead to ${digest}: ${message}`);
    return { tags: [], roots: [] };
  }
}

/** @returns whether the upstream delivered the missing digest by the tag */
async function recheckTag(
  { services, source, digest: missing, pull }: DigestRequest,
  { tag, digest: gone }: Leading["tags"][number],
): Promise<boolean> {
  services.tags.forget(source, tag, pull);
  const asking = { ...askingOf(pull), gone };
  const { mapping, failure } = await services.fills.checkTag(source, tag, asking);
  if (failure || gone !== missing || mapping.digest !== missing) return false;
  // If HEAD still names a digest that GET lacks, GET by tag decides.
  const got = await services.fills.checkTagByGet(source, tag, missing, asking);
  return got.mapping.digest === missing;
}

/** Logs a tag that could not be checked; it stays doubted. */
function logUnchecked(error: Error): false {
  const isGone = isUnknown(error);
  if (!isGone) console.warn(`entrepot: a tag was not rechecked: ${error.message}`);
  return false;
}

function keyOf(source: Source, digest: Digest): string {
  return `${sourceKey(source)}@${digest}`;
}
