// How it stands with an upstream: what is told of its health, and what is stored of it. Pure.

import type { ErrorValue } from "../oci/error.ts";
import type { Cooldown } from "./cooldown.ts";
import type { Health } from "./health.ts";
import type { Budget } from "./limit.ts";
import { repositoryIn } from "./scope.ts";

/** That an upstream is left alone from now on, for a limit's sake or since it fails; or is asked again. */
export interface Became {
  what: "limited" | "down" | "up";
  /** In ms since the epoch. */
  at: number;
  detail: string;
}

/** That it is left alone. */
export interface Pause {
  /** All of it, manifests' GETs, a repository, or what single identities ask, of which none is named. */
  of: "all" | "pulls" | "repository" | "identities";
  repository?: string;
  /** In ms since the epoch. */
  until: number;
  error: ErrorValue;
  /** Of `identities`: how many. Of a repository: 1 where only one identity saw it fail, and it rests for that one. */
  count?: number;
}

export interface UpstreamState {
  offline: boolean;
  pauses: Pause[];
  budget?: Budget;
  /** Identities that have no cold question left (upstream/allowance). Absent from what an older gate tells. */
  spent?: number;
}

/** @param repository the one whose own pause is told; undefined for those of all */
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

/** What is worth an event: a pause of all, or of the only identity that asks, which then is all that can be known. */
export function changesOf(before: Health, after: Health, at: number): Became[] {
  const became: Became[] = [];
  const compare = (was: Cooldown | undefined, is: Cooldown | undefined) => {
    if (!was?.until && is?.until) {
      const detail = is.error.message;
      console.warn(`entrepot: left alone: ${detail}`);
      became.push({ what: is.error.status === 429 ? "limited" : "down", at, detail });
    } else if (was?.until && !is) {
      const detail = was.error.message;
      console.warn(`entrepot: asked again: ${detail}`);
      became.push({ what: "up", at, detail });
    }
  };
  compare(before.all, after.all);
  compare(before.pulls, after.pulls);
  const askers = new Set(after.evidence?.map(({ by }) => by));
  if (askers.size !== 1 || before.all || after.all) return became;
  const [only = ""] = askers;
  compare(before.identities?.[only], after.identities?.[only]);
  return became;
}

/** What outlives the object: that an upstream asked for patience, not what led to it. */
export function storedOf({ evidence: _, ...stored }: Health): Health {
  return stored;
}
