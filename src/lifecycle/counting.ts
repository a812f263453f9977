// Counting: selects, among the images that match a policy rule, those that the rule's count does not keep.

import type { Candidate } from "../catalog/sweep/candidate.ts";
import type { Selection } from "../config/lifecycle-policy.ts";

/** An image that matches the rule. */
export interface Matching<C extends Candidate> {
  candidate: C;
  /** No other rule decides on it, and nothing protects it. */
  mayExpire: boolean;
  /** A rule with a higher priority expires it. */
  isExpired: boolean;
}

export interface Verdict<C extends Candidate = Candidate> {
  candidate: C;
  reason: string;
}

const DAY = 24 * 60 * 60_000;
const GIGABYTE = 1e9;

export function chosenBy<C extends Candidate>(
  selection: Selection,
  matching: readonly Matching<C>[],
  now: number,
): Verdict<C>[] {
  const { countType, countNumber } = selection;
  switch (countType) {
    case "imageCountMoreThan":
      return [...byPlace(matching)].flatMap((images) => beyond(images, countNumber));
    case "sinceImagePushed":
      return since(matching, countNumber, now, ({ pushedAt }) => ({
        at: pushedAt,
        what: "first cached",
      }));
    case "sinceImagePulled":
      return since(matching, countNumber, now, lastUse);
    case "totalSizeMoreThan":
      return oversize(matching, countNumber * GIGABYTE);
  }
}

/** "If the image was never pulled, its push counts." An image whose last pull is unknown counts as used when the catalog was
 * rebuilt. */
function lastUse({ pulledAt, unknownSince, pushedAt }: Candidate): { at: number; what: string } {
  if (pulledAt !== undefined) return { at: pulledAt, what: "last pulled" };
  if (unknownSince === undefined) return { at: pushedAt, what: "never pulled; first cached" };
  return { at: unknownSince, what: "no pull known since the catalog was rebuilt" };
}

/** "If countType is set to imageCountMoreThan, images are sorted from youngest to oldest based on pushed_at_time, and all
 * images greater than the specified count are expired." Images that another rule expires count too: rules "can still identify
 * them as if they haven't been expired". */
function beyond<C extends Candidate>(images: Matching<C>[], most: number): Verdict<C>[] {
  const sorted = images.toSorted((a, b) => byAge(a.candidate, b.candidate));
  return sorted.slice(most).flatMap(({ candidate, mayExpire }, index) => {
    if (!mayExpire) return [];
    const number = most + index + 1;
    const reason = `image ${number} of ${sorted.length}, newest first; ${most} are kept`;
    return [{ candidate, reason }];
  });
}

/** Youngest first; ties are broken by digest for a stable order. */
function byAge(a: Candidate, b: Candidate): number {
  return b.pushedAt - a.pushedAt || compare(a.digest, b.digest);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function since<C extends Candidate>(
  matching: readonly Matching<C>[],
  days: number,
  now: number,
  moment: (candidate: C) => { at: number; what: string },
): Verdict<C>[] {
  return matching.flatMap(({ candidate, mayExpire }) => {
    const { at, what } = moment(candidate);
    if (!mayExpire || now - at <= days * DAY) return [];
    const age = Math.floor((now - at) / DAY);
    const reason =
      age === days
        ? `${what} more than ${days} days ago`
        : `${what} ${age} days ago; the limit is ${days} days`;
    return [{ candidate, reason }];
  });
}

/** An extension of ECR's rules: expires the least recently pulled images until the rest fits the size, counting shared content
 * once. Unlike in a count of images, an image that another rule expires does not count, because its bytes are freed anyway. */
function oversize<C extends Candidate>(
  matching: readonly Matching<C>[],
  most: number,
): Verdict<C>[] {
  const left = matching.filter(({ isExpired }) => !isExpired);
  /** Content → number of remaining images that contain it. */
  const holders = new Map<number, number>();
  let total = 0;
  for (const { candidate } of left) {
    if (!candidate.parts) total += candidate.size;
    for (const { id, bytes } of candidate.parts ?? []) {
      const before = holders.get(id) ?? 0;
      if (before === 0) total += bytes;
      holders.set(id, before + 1);
    }
  }
  const verdicts: Verdict<C>[] = [];
  const whole = total;
  const sorted = left
    .filter(({ mayExpire }) => mayExpire)
    .toSorted((a, b) => byUse(a.candidate, b.candidate));
  for (const { candidate } of sorted) {
    if (total <= most) break;
    if (!candidate.parts) total -= candidate.size;
    for (const { id, bytes } of candidate.parts ?? []) {
      const rest = (holders.get(id) as number) - 1;
      holders.set(id, rest);
      if (rest === 0) total -= bytes;
    }
    const reason = `total size is ${gigabytes(whole)}, the limit is ${gigabytes(most)}; among the least recently pulled`;
    verdicts.push({ candidate, reason });
  }
  return verdicts;
}

/** Least recently pulled first. */
function byUse(a: Candidate, b: Candidate): number {
  return lastUse(a).at - lastUse(b).at || compare(a.digest, b.digest) || compare(a.place, b.place);
}

function gigabytes(bytes: number): string {
  return `${Number((bytes / GIGABYTE).toPrecision(3))} GB`;
}

function byPlace<C extends Candidate>(matching: readonly Matching<C>[]): Iterable<Matching<C>[]> {
  const places = new Map<string, Matching<C>[]>();
  for (const one of matching) {
    const known = places.get(one.candidate.place);
    if (known) known.push(one);
    else places.set(one.candidate.place, [one]);
  }
  return places.values();
}
