// The state of an upstream: what is reported of its health, and what is stored of it. Pure.

import { repositoryIn } from "../authorization/scope.ts";
import type { HealthChange, Pause, UpstreamState } from "../contract.ts";
import type { Cooldown } from "./cooldown.ts";
import type { Health } from "./health.ts";

/** @param repository whose pauses are included; undefined for all */
export function stateOf(
  health: Health,
  repository: string | undefined,
  spent: number,
  now: number,
): Omit<UpstreamState, "offline"> {
  const { all, pulls, repositories = {}, identities = {}, budget } = health;
  const pauses: Pause[] = [];
  const add = (cooldown: Cooldown | undefined, of: Pick<Pause, "of" | "repository" | "count">) => {
    if (cooldown && cooldown.until > now)
      pauses.push({ ...of, until: cooldown.until, error: cooldown.error });
  };
  add(all, { of: "all" });
  add(pulls, { of: "pulls" });
  const resting = Object.values(identities).filter(({ until }) => until > now);
  const longest = resting.toSorted((one, other) => other.until - one.until)[0];
  add(longest, { of: "identities", count: resting.length });
  for (const [scope, cooldown] of Object.entries(repositories)) {
    const name = repositoryIn(scope);
    const alone = cooldown.seenBy?.length === 1 && { count: 1 };
    if (repository === undefined || name === repository)
      add(cooldown, { of: "repository", repository: name, ...alone });
  }
  return { pauses, ...(budget && { budget }), spent };
}

/** How long a pause counts as a rate limit after its end, in ms, where no new request has ended it: the name may
 * never be requested again. */
const MAX_LIMITED_TIME = 5 * 60_000;

/** The changes that become events: the upstream limits requests or fails, or no longer does. */
export function changesOf(before: Health, after: Health, at: number): HealthChange[] {
  return [
    ...changeOf("limited", limited(before, at), limited(after, at), at),
    ...changeOf("down", down(before, after), down(after, after), at),
  ];
}

function changeOf(
  what: "limited" | "down",
  was: Cooldown | undefined,
  is: Cooldown | undefined,
  at: number,
): HealthChange[] {
  const detail = (is ?? was)?.error.message ?? "";
  if (!was === !is) return [];
  console.warn(`entrepot: upstream ${is ? "paused" : "resumed"}: ${detail}`);
  return [{ what: is ? what : "up", at, detail }];
}

/** Includes a 429 for a single name, the first sign of a limit. */
function limited(
  { all, pulls, repositories = {}, identities = {} }: Health,
  now: number,
): Cooldown | undefined {
  const rests = [all, pulls, ...Object.values(repositories), ...Object.values(identities)];
  return rests.find(
    (rest) => rest?.error.status === 429 && rest.until > 0 && now < rest.retryAt + MAX_LIMITED_TIME,
  );
}

/** The pause of everything, or of the only identity heard recently, which is then all the evidence. */
function down({ all, identities = {} }: Health, { evidence = [] }: Health): Cooldown | undefined {
  const [only, ...others] = new Set(evidence.map(({ by }) => by));
  const own = only !== undefined && others.length === 0 ? identities[only] : undefined;
  return [all, own].find((rest) => rest && rest.error.status !== 429 && rest.until > 0);
}

/** The part that is stored: pauses outlive the object, the evidence for them does not. */
export function storedOf({ evidence: _, ...stored }: Health): Health {
  return stored;
}
