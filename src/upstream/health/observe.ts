// observe: the health of an upstream after an answer. Pure.

import type { RequestResult } from "../contract.ts";
import { type Cooldown, type Kind, strike } from "./cooldown.ts";
import { outageSeenBy, outageSeenByAll, withAnswer } from "./evidence.ts";
import { type Health, identityKey, nameOf, placesOf, withCooldown } from "./health.ts";
import { recordBudget } from "./shares.ts";

/** Consecutive failures of a repository that start a pause; fewer are transient. One is enough while the upstream is
 * known to fail. */
const MIN_FAILURES = 3;

/** @param chance in [0, 1), for the jitter */
export function observe(before: Health, seen: RequestResult, now: number, chance: number): Health {
  const by = nameOf(seen);
  const health = recordBudget(before, seen, by);
  const { error, repository = "", budget, retryAfter } = seen;
  if (!error) return relieved(heard(health, seen, "good", now), seen);
  const limited = error.status === 429;
  const kind: Kind = limited ? "limited" : seen.silent || seen.missed ? "silent" : "failed";
  const isOfPulls = limited && seen.pull && budget?.remaining === 0;
  const struck = {
    kind,
    seen: { ...seen, by },
    error,
    now,
    chance,
    pulls: isOfPulls,
    told: retryAfter ?? (isOfPulls ? budget.window : undefined),
  };
  const next = seen.ofName ? health : heard(health, seen, kind, now);
  const { missed: _, ...many } = struck.seen;
  const rested = seen.ofName ? next : resting(next, { ...struck, seen: many, after: 1 });
  if (seen.repository === undefined) return rested;
  const isKnown = rested.all !== undefined || rested.identities?.[by] !== undefined;
  const after = limited || isKnown ? 1 : MIN_FAILURES;
  const own = rested.repositories?.[repository];
  return withCooldown(rested, "repositories", repository, strike(own, { ...struck, after }));
}

function heard(health: Health, seen: RequestResult, outcome: "good" | Kind, now: number): Health {
  const { evidence = [] } = health;
  if (outcome === "good" && evidence.length === 0) return health; // good answers count only beside failures
  const { repository = "" } = seen;
  const answer = { at: now, by: nameOf(seen), repository, outcome };
  return { ...health, evidence: withAnswer(evidence, answer) };
}

/** Starts a pause of the identity or of the whole upstream: by recent evidence, or because a probe failed. */
function resting(health: Health, struck: Parameters<typeof strike>[1]): Health {
  const { evidence = [] } = health;
  const { now, pulls = false, seen } = struck;
  const isProbe = (rest: Cooldown | undefined) =>
    rest !== undefined && rest.until > 0 && rest.until <= now && seen.askedAt >= rest.until;
  let next = health;
  const name = identityKey(seen.by, pulls);
  const own = health.identities?.[name];
  const ownKind = outageSeenBy(evidence, seen.by, now) ?? (isProbe(own) ? struck.kind : undefined);
  // The next probe need not wait until the failed one expires.
  const begun = ownKind && { ...strike(own, { ...struck, kind: ownKind }), probes: [] };
  if (begun) next = withCooldown(next, "identities", name, begun);
  const scope = pulls ? "pulls" : "all";
  const allKind =
    outageSeenByAll(evidence, now) ?? (isProbe(health[scope]) ? struck.kind : undefined);
  if (!allKind) return next;
  const all = strike(health[scope], { ...struck, kind: allKind });
  return withCooldown(next, "all", scope, all);
}

function relieved(health: Health, seen: RequestResult): Health {
  let next = health;
  for (const [place, name, cooldown] of placesOf(health, seen)) {
    const isOfPulls = cooldown.pulls === true || name === "pulls";
    if (isOfPulls && !(seen.pull && seen.gave)) continue;
    if (isPast(cooldown, seen)) next = withCooldown(next, place, name, undefined);
  }
  // A HEAD whose headers say that pulls are left ends a pause of pulls; a HEAD without them proves nothing.
  if ((seen.budget?.remaining ?? 0) === 0) return next;
  for (const [place, name, cooldown] of placesOf(next, { ...seen, pull: true })) {
    const isOfPulls = cooldown.pulls === true || name === "pulls";
    if (isOfPulls && isPast(cooldown, seen)) next = withCooldown(next, place, name, undefined);
  }
  return next;
}

/** A good answer ends a row of failures; a pause only if its request was sent after the pause began. */
function isPast(cooldown: Cooldown, seen: RequestResult): boolean {
  return cooldown.until === 0 || seen.askedAt >= cooldown.begunAt;
}
