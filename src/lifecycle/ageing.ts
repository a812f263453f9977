// Ageing: checks tags whose age counts, so that they grow older without pulls, and ends holds whose rule is gone. Part of the hourly cron.

import type { Catalog } from "../catalog/contract.ts";
import type { HeldTag, TagName } from "../catalog/record/contract.ts";
import type { Config } from "../config/read.ts";
import type { Fills } from "../fill/contract.ts";
import { minimumAgeFor, verdictOf } from "../policy/age.ts";
import { type Source, sourceKey } from "../policy/source.ts";
import { dayOf } from "../text/times.ts";
import { coverageOf } from "./coverage.ts";

export interface AgeingContext {
  catalog: Pick<Catalog, "tagsToCheck" | "heldTags" | "tellHold">;
  fills: Pick<Fills, "checkTag">;
  config: Pick<Config, "rules" | "lifecycle">;
}

/** Number of tags that one run checks, those checked longest ago first, and of those that it checks at a time. */
const MAX_TAGS = 300;
const MAX_CONCURRENT_CHECKS = 6;
/** Maximum time of a run, in ms. */
const MAX_TIME = 60_000;
/** How long after its last pull a tag is checked, in ms. */
const PULLED_WITHIN = 7 * 24 * 60 * 60_000;
/** Minimum interval between checks of a tag, in ms: less than the cron's. */
const INTERVAL = 30 * 60_000;
/** Number of holds that one page has, and maximum number of pages. */
const PAGE_SIZE = 500;
const MAX_PAGES = 20;

/** @param now in ms since the epoch
 * @returns number of tags that were checked, and of those whose check failed */
export async function checkAges(
  context: AgeingContext,
  now: number,
): Promise<{ checked: number; failed: number }> {
  await endOrphanedHolds(context, now);
  const places = placesOf(context);
  if (places.length === 0) return { checked: 0, failed: 0 };
  const wanted = { day: dayOf(now - PULLED_WITHIN), places, before: now - INTERVAL, now };
  const tags = await context.catalog.tagsToCheck(wanted, MAX_TAGS);
  let [checked, failed] = [0, 0];
  for (let at = 0; at < tags.length && Date.now() - now < MAX_TIME; at += MAX_CONCURRENT_CHECKS) {
    const some = tags.slice(at, at + MAX_CONCURRENT_CHECKS);
    const outcomes = await Promise.all(some.map((tag) => checkAge(context, tag, now)));
    checked += outcomes.length;
    failed += outcomes.filter((isGood) => !isGood).length;
  }
  return { checked, failed };
}

/** Beginnings of the places that rules with a minimum age lead to. */
function placesOf({ config }: AgeingContext): string[] {
  const rules = config.rules.filter(
    ({ rule, problem }) => rule.minimumAge && !rule.offline && !problem,
  );
  const roots = rules.map(({ rule }) => {
    const repository = rule.upstreamPrefix === undefined ? "" : `${rule.upstreamPrefix}/`;
    return sourceKey({ rule, repository });
  });
  return [...new Set(roots)];
}

function sourcesOf({ config }: AgeingContext, { place, tag }: TagName): Source[] {
  return coverageOf(config, place).sources.flatMap(({ source, configured }) => {
    const isUsed = !configured.problem && minimumAgeFor(source, tag) !== undefined;
    return isUsed ? [source] : [];
  });
}

/** Checks the tag under each rule that has a minimum age for it: one check serves all whose `tagTtl` has not passed. */
async function checkAge(context: AgeingContext, named: TagName, now: number): Promise<boolean> {
  const { place, tag } = named;
  let isGood = true;
  for (const source of sourcesOf(context, named)) {
    if (source.rule.offline) continue;
    const asking = { patience: source.rule.firstByteTimeout, background: true };
    try {
      const { mapping, failure } = await context.fills.checkTag(source, tag, asking);
      isGood &&= failure === undefined;
      if (verdictOf(mapping, source, tag, now).is === "passed")
        await endHold(context, { place, tag, rule: source.rule.name }, "aged");
    } catch (error) {
      isGood = false;
      const { message } = error as Error;
      console.warn(`entrepot: the age of ${place}:${tag} was not checked: ${message}`);
    }
  }
  return isGood;
}

/** Ends holds of rules that no longer have a minimum age for the tag, or no longer enforce it. */
async function endOrphanedHolds(context: AgeingContext, now: number): Promise<void> {
  let after: HeldTag | undefined;
  for (let pages = 0; pages < MAX_PAGES; pages++) {
    const page = await context.catalog.heldTags(after, PAGE_SIZE);
    for (const held of page) {
      const isKept = sourcesOf(context, held).some(
        ({ rule }) => rule.name === held.rule && rule.minimumAge?.mode === "enforce",
      );
      if (!isKept) await endHold(context, held, "the rule has no minimum age for it any more", now);
    }
    after = page.at(-1);
    if (page.length < PAGE_SIZE) return;
  }
}

/** Does nothing where the catalog knows of no such hold. */
function endHold(
  { catalog }: AgeingContext,
  { place, tag, rule }: Pick<HeldTag, "place" | "tag" | "rule">,
  because: string,
  at = Date.now(),
): Promise<void> {
  return catalog.tellHold({ place, tag, rule, at, because });
}
