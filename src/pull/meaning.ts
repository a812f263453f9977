// What a tag means: as it is known here, where that is fresh; else as its object finds out; and, while that fails, as it was.

import type { CheckedTag } from "../fill/tag-fill.ts";
import { type ErrorValue, RegistryError } from "../oci/error.ts";
import { freshnessOf, isImmutable, mayServeStale, type TagMapping } from "../policy/fresh.ts";
import { type Source, sourceKey } from "../policy/source.ts";
import { unasked } from "../upstream/offline.ts";
import { type Asked, askingOf } from "./asked.ts";
import type { CacheStatus } from "./cache-status.ts";
import type { House } from "./house.ts";
import { ageOf, insteadOf, type Labelled } from "./stale.ts";

/** What a tag means, and how that is known. */
export interface Meant {
  mapping: TagMapping;
  label: Labelled;
}

export async function meaningOf(
  house: House,
  source: Source,
  tag: string,
  asked: Asked,
): Promise<Meant> {
  const known = await house.tags.get(source, tag);
  const freshness = known ? freshnessOf(known, source, tag, asked.now) : "stale";
  if (known && freshness !== "fresh" && source.rule.offline) {
    return insteadOfCheck(known, unasked(source.rule), asked.now);
  }
  const noCache = asked.noCache && !isImmutable(source, tag);
  if (known && freshness !== "stale" && !noCache) {
    if (freshness === "passing") asked.later(checkBehind(house, source, tag, asked.now));
    return { mapping: known, label: labelOf(source, known, freshness === "passing", asked.now) };
  }
  const { mapping, how, failure } = await checked(house, source, tag, known, asked);
  if (failure) return insteadOfCheck(mapping, failure, asked.now);
  const label = labelOf(source, mapping, false, asked.now);
  if (how === "found" || mapping.deleted) return { mapping, label };
  const fwd = !known ? "uri-miss" : freshness === "stale" ? "stale" : "request";
  const status: CacheStatus = { fwd, collapsed: how === "joined" };
  return { mapping, label: { ...label, status } };
}

function insteadOfCheck(
  mapping: TagMapping,
  failure: Pick<ErrorValue, "message" | "upstreamStatus">,
  now: number,
): Meant {
  const label = insteadOf(failure, "this is what the tag meant", mapping.checkedAt, now);
  return { mapping, label };
}

/** The tag's object is asked; where that fails, which is the platform's doing, what is known still serves. */
async function checked(
  house: House,
  source: Source,
  tag: string,
  known: TagMapping | undefined,
  asked: Asked,
): Promise<CheckedTag> {
  try {
    return await house.fills.checkTag(source, tag, askingOf(asked));
  } catch (error) {
    if (!known || error instanceof RegistryError) throw error;
    console.error(`entrepot: a tag was not checked: ${(error as Error).message}`);
    const failure = new RegistryError("UNAVAILABLE", "the tag could not be checked");
    const { rule } = source;
    if (!mayServeStale(known.checkedAt, rule.tagTtl, rule, failure, asked.now)) throw error;
    return { mapping: known, how: "found", failure: failure.toValue() };
  }
}

function labelOf(source: Source, mapping: TagMapping, passing: boolean, now: number): Labelled {
  const age = ageOf(mapping.checkedAt, now);
  if (mapping.deleted) {
    const { host } = source.rule.upstream;
    const warning = `${host} has this tag no more; it is kept here`;
    return { status: { instead: 404 }, age, warning };
  }
  if (!passing) return { status: "hit", age };
  return { status: { passing: ageOf(mapping.checkedAt + source.rule.tagTtl, now) }, age };
}

/** When which tag was last checked behind an answer, by this isolate: until KV shows what came of it, some seconds, every
 * request would have it checked again. */
const checkedBehind = new Map<string, number>();
const CHECK_AGAIN = 5_000;
const MOST_CHECKED = 1_000;

/** Checks the tag behind an answer, and fetches its manifest if it has moved. */
async function checkBehind(house: House, source: Source, tag: string, now: number): Promise<void> {
  const key = `${sourceKey(source)}:${tag}`;
  if (now - (checkedBehind.get(key) ?? 0) < CHECK_AGAIN) return;
  if (checkedBehind.size >= MOST_CHECKED) checkedBehind.clear();
  checkedBehind.set(key, now);
  const asking = { patience: source.rule.firstByteTimeout, background: true };
  try {
    await house.fills.checkTag(source, tag, asking);
  } catch (error) {
    // The next request that cannot do without is told.
    console.warn(`entrepot: a tag was not checked behind its answer: ${(error as Error).message}`);
  }
}
