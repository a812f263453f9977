// A digest that the upstream does not have (any more) casts doubt on the tags that lead to it: they are asked again at once, so that a tag
// that moved does not go on naming what nobody can pull. Only on the way of a 404: a hit never comes here.

import { LRUCache } from "lru-cache";
import type { Leading } from "../catalog/query/contract.ts";
import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "../oci/error.ts";
import { within } from "../platform/deadline.ts";
import { isTagAllowed } from "../policy/allowed.ts";
import type { TagMapping } from "../policy/fresh.ts";
import { type Source, sourceKey } from "../policy/source.ts";
import { Claims } from "../store/claims.ts";
import { askingOf, type Pull } from "./pull.ts";
import type { PullServices } from "./services.ts";

/** How long this isolate trusts no older mapping to a doubted digest, in ms: KV shows what a tag's object has found after 60 s or more. */
const DOUBTED = 2 * 60_000;
/** Doubts that are kept. A client can make one with each digest that it asks for in vain, and so drop others: a tag is then asked again
 * when its time is over. */
const MOST_DOUBTS = 5_000;
/** Interval in ms in which this isolate looks for the tags that lead to a missing digest. */
const RECHECK_INTERVAL = 10_000;
const MOST_LOOKED_FOR = 5_000;
/** Tags that are asked for one missing digest: the youngest, each with one HEAD. */
const MOST_TAGS = 8;
/** Catalog timeout in ms. */
const CATALOG_TIMEOUT = 1_000;

/** Place and digest → since when it is doubted, in ms since the epoch. */
const doubts = new LRUCache<string, number>({ max: MOST_DOUBTS });
const lookedFor = new Claims(MOST_LOOKED_FOR);

/** Whether what the tag means was found missing upstream, or incomplete there, since it was last checked. */
export function isDoubted(source: Source, { digest, checkedAt }: TagMapping): boolean {
  const since = doubts.get(keyOf(source, digest));
  return since !== undefined && checkedAt <= since && Date.now() - since < DOUBTED;
}

/** Whether it is the upstream's 404, and not that of a rule that does not ask. */
export function isMissing({ rule }: Source, error: unknown): boolean {
  return error instanceof RegistryError && error.status === 404 && !rule.offline;
}

/** Does `work` that pulls a digest. On a 404 the tags that lead to it are asked again before the client is told, so that what it asks next
 * by tag is answered as the upstream has it. */
export async function rechecking<T>(
  services: PullServices,
  source: Source,
  digest: Digest,
  pull: Pull,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isMissing(source, error)) throw error;
    if (await recheck(services, source, digest, pull)) return work();
    throw error;
  }
}

/** @returns whether the digest has come here by it */
async function recheck(
  services: PullServices,
  source: Source,
  digest: Digest,
  pull: Pull,
): Promise<boolean> {
  const now = Date.now();
  doubts.set(keyOf(source, digest), now);
  // The attack: digests without end. The upstream's 404 to each counts against the client's share (upstream/gate), and one is looked for
  // once in a while.
  if (!lookedFor.take(keyOf(source, digest), now, RECHECK_INTERVAL)) return false;
  const { tags, roots } = await leadingTo(services, source, digest);
  for (const root of roots) doubts.set(keyOf(source, root), now);
  const allowed = tags.filter(({ tag }) => isTagAllowed(source, tag)).slice(0, MOST_TAGS);
  const came = await Promise.all(
    allowed.map((tag) => askAgain(services, source, tag, digest, pull).catch(toldLater)),
  );
  return came.includes(true);
}

async function leadingTo(services: PullServices, source: Source, digest: Digest): Promise<Leading> {
  try {
    const asking = services.catalog.leading(sourceKey(source), digest);
    return await within(asking, CATALOG_TIMEOUT, () => new Error("no answer in time"));
  } catch (error) {
    const { message } = error as Error;
    console.warn(`entrepot: the catalog does not tell which tags lead to ${digest}: ${message}`);
    return { tags: [], roots: [] };
  }
}

/** @returns whether the upstream has given the missing digest by the tag */
async function askAgain(
  services: PullServices,
  source: Source,
  { tag, digest: gone }: Leading["tags"][number],
  missing: Digest,
  pull: Pull,
): Promise<boolean> {
  services.tags.forget(source, tag, pull);
  const asking = { ...askingOf(pull), gone };
  const { mapping, failure } = await services.fills.checkTag(source, tag, asking);
  if (failure || gone !== missing || mapping.digest !== missing) return false;
  // HEAD goes on naming what GET does not have: GET by tag has the last word.
  const got = await services.fills.checkTagByGet(source, tag, missing, asking);
  return got.mapping.digest === missing;
}

/** A tag that could not be asked stays doubted. */
function toldLater(error: Error): false {
  const isGone = error instanceof RegistryError && error.status === 404;
  if (!isGone) console.warn(`entrepot: a tag was not asked again: ${error.message}`);
  return false;
}

function keyOf(source: Source, digest: Digest): string {
  return `${sourceKey(source)}@${digest}`;
}
