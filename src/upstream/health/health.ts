// Health: whether an upstream, or one repository of it, may be requested now. After failures it is paused, then a probe
// is admitted and its answer decides. A pause covers as little as the evidence supports: a repository, one identity's
// requests, or everything. Pure: the new state follows from the old one, the event and the time.

import { RegistryError } from "../../oci/error.ts";
import type { PlannedRequest, RequestResult } from "../contract.ts";
import { type Cooldown, concerns, kindOf, withoutProbe, withProbe } from "./cooldown.ts";
import { type Evidence, hasFailures } from "./evidence.ts";
import { enforceShares, type Shares } from "./shares.ts";

export interface Health extends Shares {
  /** For all requests. */
  all?: Cooldown;
  /** For GETs of manifests: Docker Hub limits those only, and goes on answering HEAD. */
  pulls?: Cooldown;
  /** By repository: a broken one must not block the others. */
  repositories?: Record<string, Cooldown>;
  /** By identity (`identityKey`): the names that one identity chooses must not block the upstream for the others. */
  identities?: Record<string, Cooldown>;
  /** Kept in memory only. */
  evidence?: Evidence;
}

/** Key of requests from an older version, which name no identity. */
const UNNAMED = "unnamed";
/** Maximum number of identities that may probe a paused upstream at the same time, each with one request. */
const MAX_PROBES = 4;

export function nameOf({ by }: { by?: string }): string {
  return by ?? UNNAMED;
}

export function identityKey(by: string, pulls: boolean): string {
  return pulls ? `${by} pulls` : by;
}

/** Throws the upstream's last error where the request is not admitted. */
export function admit(health: Health, use: PlannedRequest, now: number): Health {
  let next = health;
  const by = nameOf(use);
  const own = use.repository === undefined ? undefined : health.repositories?.[use.repository];
  const isOwn = own !== undefined && concerns(own, by);
  if (isOwn && own.until > 0 && (use.pull || !own.pulls) && !hasLongerDeadline(own, use)) {
    const probed = now < own.until ? undefined : withProbe(own, by, 1, now);
    if (!probed) throw pausedError(own, now, own.seenBy?.length === 1);
    next = withCooldown(next, "repositories", use.repository as string, probed);
  }
  // A repository that never failed may show that the upstream has recovered.
  const isFresh = use.repository !== undefined && !isOwn && !use.background;
  for (const [place, name, rest] of cooldownsOf(health, by, use.pull)) {
    // An upstream that fails at once delays nobody, and each name fails only once.
    if (isFresh && kindOf(rest) === "failed") continue;
    const most = place === "identities" ? 1 : MAX_PROBES;
    const may = isFresh || now >= rest.until;
    const probed = may ? withProbe(rest, by, most, now) : undefined;
    if (!probed) throw pausedError(rest, now, place === "identities");
    next = withCooldown(next, place, name, probed);
  }
  return enforceShares(next, use, by, now);
}

/** A request with a longer deadline than those that timed out may succeed. */
function hasLongerDeadline({ missed }: Cooldown, { deadline }: PlannedRequest): boolean {
  return missed !== undefined && deadline > missed;
}

type Place = "repositories" | "identities" | "all";
type NamedCooldown = [place: Place, name: string, cooldown: Cooldown];

/** The pauses that cover more than one repository. */
function cooldownsOf(
  { identities, all, pulls }: Health,
  by: string,
  pull: boolean,
): NamedCooldown[] {
  const named: [Place, string, Cooldown | undefined][] = [
    ["identities", identityKey(by, false), identities?.[identityKey(by, false)]],
    ["all", "all", all],
  ];
  if (pull) {
    const own = identityKey(by, true);
    named.push(["identities", own, identities?.[own]], ["all", "pulls", pulls]);
  }
  return named.filter((rest): rest is NamedCooldown => (rest[2]?.until ?? 0) > 0);
}

/** Sets the cooldown with that name; removes it where undefined. */
export function withCooldown(
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

/** Maximum number of paused repositories, and of paused identities. */
const MAX_RESTING = 200;

/** Drops the oldest entry of the identity that has the most: an identity that names thousands displaces only its own. */
function bounded(entries: [string, Cooldown][]): [string, Cooldown][] {
  if (entries.length <= MAX_RESTING) return entries;
  const ownerOf = ([, { seenBy }]: [string, Cooldown]) => seenBy?.[0] ?? "";
  const owned = [...Map.groupBy(entries, ownerOf).values()];
  const largest = owned.reduce((most, one) => (one.length > most.length ? one : most));
  return entries.filter((entry) => entry !== largest[0]);
}

/** The upstream's last error, with the time until the next request, and with the Retry-After that the upstream asked
 * for. */
function pausedError(cooldown: Cooldown, now: number, personal: boolean): RegistryError {
  const { code, message, ...options } = cooldown.error;
  const pause = Math.max(1, Math.ceil((cooldown.until - now) / 1000));
  return new RegistryError(code, `${message}; next attempt in ${pause} s`, {
    ...options,
    unasked: true,
    personal,
    headers: { ...options.headers, "Retry-After": String(secondsOf(cooldown, now)) },
  });
}

function secondsOf({ until, retryAt }: Cooldown, now: number): number {
  return Math.max(1, Math.ceil((Math.max(until, retryAt) - now) / 1000));
}

/** Returns the seconds until an upstream that answered 429 may be requested again; 0 where unknown. */
export function pauseOf(health: Health, seen: RequestResult, now: number): number {
  const { repository = "" } = seen;
  const known = [
    health.repositories?.[repository],
    ...cooldownsOf(health, nameOf(seen), seen.pull),
  ];
  const waits = known.flatMap((one) => {
    const cooldown = Array.isArray(one) ? one[2] : one;
    return cooldown && cooldown.until > now ? [secondsOf(cooldown, now)] : [];
  });
  return Math.max(0, ...waits);
}

/** Removes a probe that was admitted at `now` and was not sent, so that another may be admitted. */
export function releaseProbe(health: Health, use: PlannedRequest, now: number): Health {
  let next = health;
  const by = nameOf(use);
  for (const [place, name, cooldown] of placesOf(health, use)) {
    if (cooldown.probes?.some((probe) => probe.by === by && probe.at === now))
      next = withCooldown(next, place, name, withoutProbe(cooldown, by, now));
  }
  return next;
}

/** All cooldowns that concern a request. */
export function placesOf(
  health: Health,
  of: { by?: string; repository?: string; pull: boolean },
): NamedCooldown[] {
  const { repository } = of;
  const own = repository === undefined ? undefined : health.repositories?.[repository];
  const rests = cooldownsOf(health, nameOf(of), of.pull);
  return repository !== undefined && own ? [["repositories", repository, own], ...rests] : rests;
}

/** Whether a good answer would change the health. */
export function isAiling(health: Health, now: number): boolean {
  const { all, pulls, repositories, identities, evidence = [] } = health;
  const rests = all ?? pulls ?? repositories ?? identities;
  return rests !== undefined || hasFailures(evidence, now);
}
