// When what rules have prewarmed is due, by the times of the day that they say. Pure.

import type { Prewarmed } from "../config/prewarm.ts";
import type { Config } from "../config/read.ts";
import { baseOf } from "../policy/route.ts";

const DAY = 24 * 60 * 60_000;
const MINUTE = 60_000;

export interface Scheduled {
  /** Of the entry, whatever its place in the list. */
  key: string;
  /** Who is said to have asked. */
  who: string;
  entry: Prewarmed;
  references: string[];
  newest: { name: string; tags: string; count: number }[];
}

export function scheduledIn({ rules }: Config): Scheduled[] {
  return rules.flatMap(({ rule, prewarm = [] }) => {
    const base = baseOf(rule);
    const under = base === undefined ? "" : `${base}/`;
    // Two rules of an upstream without a prefix or host have one name; what clients say before their names is theirs alone.
    const of = base ?? rule.name;
    return prewarm.map((entry): Scheduled => {
      const { references, newest } = entry;
      return {
        key: `${of} ${JSON.stringify(entry)}`,
        who: `the schedule of the rule "${of}"`,
        entry,
        references: references.map((one) => under + one),
        newest: newest
          ? [{ name: under + newest.repository, tags: newest.tags, count: newest.count }]
          : [],
      };
    });
  });
}

/** The last time that it was due at or before `now`, and the next one after it; in ms since the epoch. */
export function timesOf({ at }: Prewarmed, now: number): { last: number; next: number } {
  const today = Math.floor(now / DAY) * DAY;
  const all = [-1, 0, 1].flatMap((day) => at.map((minute) => today + day * DAY + minute * MINUTE));
  return {
    last: Math.max(...all.filter((time) => time <= now)),
    next: Math.min(...all.filter((time) => time > now)),
  };
}
