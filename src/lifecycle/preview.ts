// Preview: what a sweep would mark now, why, and how much space it would free. Changes nothing.

import { countByRule, type RuleCount } from "../catalog/sweep/contract.ts";
import type { SweepContext } from "./context.ts";
import type { Preview, PreviewImage, PreviewOptions } from "./contract.ts";
import { coverageBy, coverageOf } from "./coverage.ts";
import { type Expiring, evaluatedPlaces } from "./evaluated.ts";
import { Reach } from "./reach.ts";

/** Maximum number of expiring images listed. */
const MAX_LISTED = 1_000;
/** Maximum number of places whose upstream is asked. */
const MAX_UPSTREAM_REQUESTS = 50;
/** Maximum number of matching steps (policy/steps) per preview, about a second. Attack: a viewer tries a policy with many
 * costly patterns and keeps the isolate from answering pulls. */
const MAX_MATCHING_STEPS = 250_000_000;

/** Throws UNSUPPORTED (400) for policies whose patterns cost too much. */
export async function preview(
  context: SweepContext,
  options: PreviewOptions,
  now: number,
): Promise<Preview> {
  const { catalog, config, upstream } = context;
  const { policies, force } = options;
  const covering = (place: string) =>
    policies ? coverageBy({ ...config, policies }, place) : coverageOf(config, place);
  const reach = new Reach(upstream, force, MAX_UPSTREAM_REQUESTS);
  const expired: RuleCount[] = [];
  const images: PreviewImage[] = [];
  const leaving: { place: string; digest: Expiring["image"]["digest"] }[] = [];
  let examined = 0;
  let pinned = 0;
  let expiring = 0;
  const steps = { left: MAX_MATCHING_STEPS };
  const evaluation = { catalog, coverageOf: covering, now, steps };
  for await (const evaluated of evaluatedPlaces(evaluation, "")) {
    const { place } = evaluated;
    examined += evaluated.examined;
    pinned += evaluated.pinned;
    const [first] = evaluated.expiring;
    if (!first) continue;
    expiring += evaluated.expiring.length;
    const waiting = await reach.obstacle(place, evaluated.coverage, first.image.digest);
    for (const one of evaluated.expiring.toSorted((a, b) => a.image.pushedAt - b.image.pushedAt)) {
      countByRule(expired, one);
      if (waiting === undefined) leaving.push({ place, digest: one.image.digest });
      if (images.length < MAX_LISTED)
        images.push(previewImageOf(one, evaluated.coverage.name, waiting));
    }
  }
  return {
    now: new Date(now).toISOString(),
    grace: config.lifecycleGrace,
    given: policies !== undefined,
    examined,
    pinned,
    expired,
    images,
    more: expiring - images.length,
    bytesFreed: await catalog.freed(leaving),
    bytes: (await catalog.summary()).bytes,
  };
}

function previewImageOf(
  { image, policy, priority, reason }: Expiring,
  name: string,
  waiting: string | undefined,
): PreviewImage {
  const { place, digest, tags, size, pushedAt, pulledAt, unknownSince, expiredAt } = image;
  const time = (at: number) => new Date(at).toISOString();
  return {
    name,
    place,
    digest,
    tags,
    size,
    pushedAt: time(pushedAt),
    ...(pulledAt !== undefined && { pulledAt: time(pulledAt) }),
    ...(unknownSince !== undefined && { unknownSince: time(unknownSince) }),
    policy,
    priority,
    reason,
    ...(expiredAt !== undefined && { markedAt: time(expiredAt) }),
    ...(waiting !== undefined && { waiting }),
  };
}
