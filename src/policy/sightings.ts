// Sightings: what a tag has been seen to mean here, oldest first. Only observations of the tag itself count: a digest that was seen
// under another tag is not older for it. Kept by TagFill whatever the rules say; judged by policy/age. Pure.

import type { Digest } from "../oci/digest.ts";

/** A digest that the tag was seen to mean without interruption. Stored. Times are in ms since the epoch. */
export interface Sighting {
  digest: Digest;
  /** When it was first seen. */
  since: number;
  /** The last check that confirmed it; set once the tag means another digest or is gone. */
  until?: number;
  /** When it was pushed, as the registry says; at most `since`. Only of the tag's first digest. */
  pushedAt?: number;
  released?: Release;
  /** A signature, attestation or SBOM by its content (oci/exempt): no age is required of it. */
  exempt?: true;
}

/** An administrator's decision that a digest which is too young is served. */
export interface Release {
  who: string;
  reason: string;
  at: number;
  /** End of the release. */
  until: number;
}

/** What is kept of a tag. */
export interface History {
  seen: readonly Sighting[];
  /** When the tag moved, latest last. */
  moves: readonly number[];
}

/** Maximum number of sightings and of moves of a tag: they are part of its record in R2 and of each copy of its mapping. */
export const MAX_SIGHTINGS = 16;
export const MAX_MOVES = 20;

export const NOTHING_SEEN: History = { seen: [], moves: [] };

/** The history after a check that found the tag to mean the digest. One that comes back after another starts anew: a superseded digest
 * never goes on with its old clock.
 * @param at time of the check @param confirmedAt time of the check before */
export function sighted(
  history: History,
  digest: Digest,
  at: number,
  confirmedAt: number,
): History {
  const last = history.seen.at(-1);
  if (last?.digest === digest && last.until === undefined) return history;
  const { seen, moves } = ended(history, confirmedAt);
  const isMove = last !== undefined && last.digest !== digest;
  return {
    seen: bounded([...seen, { digest, since: at }], at),
    moves: isMove ? [...moves, at].slice(-MAX_MOVES) : moves,
  };
}

/** The history after the tag was found to be gone, or to have moved: what it meant counts up to the check that last confirmed it. */
export function ended(history: History, confirmedAt: number): History {
  const { seen, moves } = history;
  const last = seen.at(-1);
  if (!last || last.until !== undefined) return history;
  const until = Math.max(last.since, confirmedAt);
  return { seen: [...seen.slice(0, -1), { ...last, until }], moves };
}

/** The history without its last digest, which the upstream's HEAD alone has named: the tag never meant it. */
export function retracted(history: History, digest: Digest): History {
  const { seen, moves } = history;
  const last = seen.at(-1);
  if (last?.digest !== digest) return history;
  return { seen: seen.slice(0, -1), moves: moves.filter((at) => at !== last.since) };
}

/** Replaces what is known of the digest that the tag means, or meant when the upstream deleted it; nothing if it means another by now. */
export function amended(history: History, digest: Digest, more: Partial<Sighting>): History {
  const last = history.seen.at(-1);
  if (last?.digest !== digest) return history;
  return { ...history, seen: [...history.seen.slice(0, -1), { ...last, ...more }] };
}

/** Drops what no rule could serve: one that a later one has outlasted. The first stays, since rules may accept it for being the first;
 * so do the current one and those that are released.
 * @param now in ms since the epoch */
function bounded(seen: readonly Sighting[], now: number): Sighting[] {
  const isKept = (one: Sighting, at: number) =>
    at === 0 || at === seen.length - 1 || (one.released?.until ?? 0) > now;
  const useful = seen.filter((one, at) => {
    const isOutlasted = () =>
      seen.slice(at + 1).some((other) => other.until !== undefined && tenure(other) >= tenure(one));
    return isKept(one, at) || !isOutlasted();
  });
  while (useful.length > MAX_SIGHTINGS) {
    const droppable = useful.slice(1, -1);
    const ordinary = droppable.filter((one) => (one.released?.until ?? 0) <= now);
    const among = ordinary.length > 0 ? ordinary : droppable;
    const shortest = among.reduce((least, one) => (tenure(one) < tenure(least) ? one : least));
    useful.splice(useful.indexOf(shortest), 1);
  }
  return useful;
}

/** Of one that has ended, in ms; endless for one that any rule accepts. */
function tenure({ since, until = since, exempt }: Sighting): number {
  return exempt ? Number.POSITIVE_INFINITY : until - since;
}
