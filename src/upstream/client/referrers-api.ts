// Whether an upstream has the referrers API, concluded from its repositories' answers. Pure. The attack: a repository
// under one identity's control answers 404, so that the signatures of others are looked for under tags only. So two
// repositories must lack the API, and one that has it outweighs them for a day.

export interface ReferrersApi {
  /** Repository → time it was seen without the API, in ms since the epoch. */
  missing?: Record<string, number>;
  /** Time a repository was last seen with it, in ms since the epoch. */
  there?: number;
}

/** Minimum number of repositories that lack it. */
const MIN_REPOSITORIES = 2;
/** How long a missing API is remembered, in ms: an upgrade adds it from one minute to the next. */
const MISSING_TTL = 10 * 60_000;
/** How long one repository with the API speaks for its upstream, in ms. */
const PRESENT_TTL = 24 * 60 * 60_000;
/** Maximum number of repositories kept; the oldest are dropped. */
const MAX_REPOSITORIES = 8;

/** Returns the same object where nothing changes.
 * @param has whether this repository was just seen with the API */
export function withSeen(
  api: ReferrersApi,
  repository: string,
  has: boolean,
  now: number,
): ReferrersApi {
  const { there, missing } = api;
  if (has) {
    const isKnown = there !== undefined && !missing && Math.abs(now - there) < PRESENT_TTL / 2;
    return isKnown ? api : { there: now };
  }
  const others = recent(api, now).filter(([name]) => name !== repository);
  const kept = [...others, [repository, now] as const].slice(-MAX_REPOSITORIES);
  return { missing: Object.fromEntries(kept), ...(there !== undefined && { there }) };
}

export function isMissing(api: ReferrersApi, now: number): boolean {
  const { there } = api;
  if (there !== undefined && Math.abs(now - there) < PRESENT_TTL) return false;
  return recent(api, now).length >= MIN_REPOSITORIES;
}

function recent({ missing = {} }: ReferrersApi, now: number): [string, number][] {
  return Object.entries(missing).filter(([, at]) => Math.abs(now - at) < MISSING_TTL);
}
