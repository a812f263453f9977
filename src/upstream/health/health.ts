// Health: whether an upstream, or one repository of it, is to be asked now. After failures it rests for a while, then a probe is let
// through, and its answer decides. What rests is as little as the evidence is of: a repository, what one identity asks, or all. Pure:
// what was, what happened and when make what is.

import { RegistryError } from "../../oci/error.ts";
import type { Seen, Use } from "../contract.ts";
import { type Cooldown, concerns, kindOf, withoutProbe, withProbe } from "./cooldown.ts";
import { type Evidence, hasFailures } from "./evidence.ts";
import { keepShares, type Shares } from "./shares.ts";

export interface Health extends Shares {
  /** Of all requests. */
  all?: Cooldown;
  /** Of manifest GETs alone: Docker Hub limits those, and goes on answering HEAD. */
  pulls?: Cooldown;
  /** Of single repositories: one that is broken must not take the others away. */
  repositories?: Record<string, Cooldown>;
  /** Of what single identities ask (`identityRest`): their own choice of names must not take the upstream from the others. */
  identities?: Record<string, Cooldown>;
  /** In memory alone. */
  evidence?: Evidence;
}

/** The identity of what an older version of the fills asks. */
const UNNAMED = "unnamed";
/** Identities that may probe a resting upstream at once; each of them with one request. */
const MOST_PROBES = 4;

export function nameOf({ by }: { by?: string }): string {
  return by ?? UNNAMED;
}

export function identityRest(by: string, pulls: boolean): string {
  return pulls ? `${by} pulls` : by;
}

/** Whether the upstream may be asked; throws what it said last where not. */
export function admit(health: Health, use: Use, now: number): Health {
  let next = health;
  const by = nameOf(use);
  const own = use.repository === undefined ? undefined : health.repositories?.[use.repository];
  const isOwn = own !== undefined && concerns(own, by);
  if (isOwn && own.until > 0 && (use.pull || !own.pulls) && !isMorePatient(own, use)) {
    const probed = now < own.until ? undefined : withProbe(own, by, 1, now);
    if (!probed) throw waiting(own, now, own.seenBy?.length === 1);
    next = withRest(next, "repositories", use.repository as string, probed);
  }
  // A name that never failed may find that the upstream is well.
  const isFresh = use.repository !== undefined && !isOwn && !use.background;
  for (const [place, name, rest] of restsOf(health, by, use.pull)) {
    // An answer comes at once, whatever it is: nobody hangs, and each name fails but once.
    if (isFresh && kindOf(rest) === "failed") continue;
    const most = place === "identities" ? 1 : MOST_PROBES;
    const may = isFresh || now >= rest.until;
    const probed = may ? withProbe(rest, by, most, now) : undefined;
    if (!probed) throw waiting(rest, now, place === "identities");
    next = withRest(next, place, name, probed);
  }
  return keepShares(next, use, by, now);
}

/** Whoever has more patience than those who were disappointed may find what they did not. */
function isMorePatient({ missed }: Cooldown, { deadline }: Use): boolean {
  return missed !== undefined && deadline > missed;
}

type Place = "repositories" | "identities" | "all";
type Rest = [place: Place, name: string, cooldown: Cooldown];

/** The pauses of more than one repository. */
function restsOf({ identities, all, pulls }: Health, by: string, pull: boolean): Rest[] {
  const named: [Place, string, Cooldown | undefined][] = [
    ["identities", identityRest(by, false), identities?.[identityRest(by, false)]],
    ["all", "all", all],
  ];
  if (pull) {
    const own = identityRest(by, true);
    named.push(["identities", own, identities?.[own]], ["all", "pulls", pulls]);
  }
  return named.filter((rest): rest is Rest => (rest[2]?.until ?? 0) > 0);
}

/** With the cooldown of that name at that place; without, where it is undefined. */
export function withRest(
  health: Health,
  place: Place,
  name: string,
  cooldown: Cooldown | undefined,
): Health {
  if (place === "all") {
    const { [name as "all" | "pulls"]: _, ...rest } = health;
    return cooldown ? { ...rest, [name]: cooldown } : rest;
  }
  const { [place]: before = {}, ...rest } = health;
  const others = Object.entries(before).filter(([one]) => one !== name);
  const all = cooldown ? bounded([...others, [name, cooldown]]) : others;
  return all.length === 0 ? rest : { ...rest, [place]: Object.fromEntries(all) };
}

/** Of more broken repositories, or identities that find them, some are forgotten. */
const MAX_RESTING = 200;

/** The oldest of the identity that has the most: one that names thousands pushes out its own. */
function bounded(entries: [string, Cooldown][]): [string, Cooldown][] {
  if (entries.length <= MAX_RESTING) return entries;
  const ownerOf = ([, { seenBy }]: [string, Cooldown]) => seenBy?.[0] ?? "";
  const owned = [...Map.groupBy(entries, ownerOf).values()];
  const largest = owned.reduce((most, one) => (one.length > most.length ? one : most));
  return entries.filter((entry) => entry !== largest[0]);
}

/** The upstream's word again, with when it is asked again, and when it wants to be. */
function waiting(cooldown: Cooldown, now: number, personal: boolean): RegistryError {
  const { code, message, ...options } = cooldown.error;
  const pause = Math.max(1, Math.ceil((cooldown.until - now) / 1000));
  return new RegistryError(code, `${message}; it is not asked again for ${pause} s`, {
    ...options,
    unasked: true,
    personal,
    headers: { ...options.headers, "Retry-After": String(secondsOf(cooldown, now)) },
  });
}

function secondsOf({ until, retryAt }: Cooldown, now: number): number {
  return Math.max(1, Math.ceil((Math.max(until, retryAt) - now) / 1000));
}

/** When an upstream that answered 429 wants to be asked again, in seconds; 0 where nothing is known of it. */
export function pauseOf(health: Health, seen: Seen, now: number): number {
  const { repository = "" } = seen;
  const known = [health.repositories?.[repository], ...restsOf(health, nameOf(seen), seen.pull)];
  const waits = known.flatMap((one) => {
    const cooldown = Array.isArray(one) ? one[2] : one;
    return cooldown && cooldown.until > now ? [secondsOf(cooldown, now)] : [];
  });
  return Math.max(0, ...waits);
}

/** A probe that was let through at `now` and came to nothing: another may go. */
export function unprobe(health: Health, use: Use, now: number): Health {
  let next = health;
  const by = nameOf(use);
  for (const [place, name, cooldown] of placesOf(health, use)) {
    if (cooldown.probes?.some((probe) => probe.by === by && probe.at === now))
      next = withRest(next, place, name, withoutProbe(cooldown, by, now));
  }
  return next;
}

/** All cooldowns that a request has to do with. */
export function placesOf(
  health: Health,
  of: { by?: string; repository?: string; pull: boolean },
): Rest[] {
  const { repository } = of;
  const own = repository === undefined ? undefined : health.repositories?.[repository];
  const rests = restsOf(health, nameOf(of), of.pull);
  return repository !== undefined && own ? [["repositories", repository, own], ...rests] : rests;
}

/** Whether a good answer is news. */
export function isAiling(health: Health, now: number): boolean {
  const { all, pulls, repositories, identities, evidence = [] } = health;
  const rests = all ?? pulls ?? repositories ?? identities;
  return rests !== undefined || hasFailures(evidence, now);
}
