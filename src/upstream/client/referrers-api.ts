// Whether an upstream has the referrers API, by what its repositories answered. Pure. The attack: a name under the control of one identity
// answers 404, so that the signatures of others are looked for under tags alone. So two repositories must lack the API, and one that
// has it outweighs them for a day.

export interface ReferrersApi {
  /** Repository → when it was seen without the API, in ms since the epoch. */
  missing?: Record<string, number>;
  /** When a repository was seen with it, in ms since the epoch. */
  there?: number;
}

/** Repositories that must lack it. */
const REPOSITORIES = 2;
/** How long that is remembered, in ms: an upstream that is upgraded has the API from one minute to the next. */
const MISSING = 10 * 60_000;
/** How long a repository with the API speaks for its upstream, in ms. */
const THERE = 24 * 60 * 60_000;
/** Repositories that are kept; the oldest go. */
const MAX_REPOSITORIES = 8;

/** The same object where that is no news.
 * @param has whether this repository has just been seen with the API, or without */
export function withSeen(
  api: ReferrersApi,
  repository: string,
  has: boolean,
  now: number,
): ReferrersApi {
  const { there, missing } = api;
  if (has) {
    const isKnown = there !== undefined && !missing && Math.abs(now - there) < THERE / 2;
    return isKnown ? api : { there: now };
  }
  const others = recent(api, now).filter(([name]) => name !== repository);
  const kept = [...others, [repository, now] as const].slice(-MAX_REPOSITORIES);
  return { missing: Object.fromEntries(kept), ...(there !== undefined && { there }) };
}

export function isMissing(api: ReferrersApi, now: number): boolean {
  const { there } = api;
  if (there !== undefined && Math.abs(now - there) < THERE) return false;
  return recent(api, now).length >= REPOSITORIES;
}

function recent({ missing = {} }: ReferrersApi, now: number): [string, number][] {
  return Object.entries(missing).filter(([, at]) => Math.abs(now - at) < MISSING);
}
