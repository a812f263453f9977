// Prewarm schedule: when the rules' prewarm entries are due, by their times of day (UTC). Pure.

import type { Prewarmed } from "../config/prewarm.ts";
import type { Config } from "../config/read.ts";
import { baseOf } from "../policy/route.ts";

const DAY = 24 * 60 * 60_000;
const MINUTE = 60_000;

export interface Scheduled {
  /** Identifies the entry regardless of its position in the list. */
  key: string;
  /** The principal recorded for its jobs. */
  who: string;
  entry: Prewarmed;
  references: string[];
  newest: { name: string; tags: string; count: number }[];
}

export function scheduledIn({ rules }: Config): Scheduled[] {
  return rules.flatMap(({ rule, prewarm = [] }) => {
    const base = baseOf(rule);
    const under = base === undefined ? "" : `${base}/`;
    // Two rules of one upstream without prefix or host share a name, but the base that clients write before names is unique.
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

/** The latest due time at or before `now`, and the next one after it, in ms since the epoch. */
export function timesOf({ at }: Prewarmed, now: number): { last: number; next: number } {
  const today = Math.floor(now / DAY) * DAY;
  const all = [-1, 0, 1].flatMap((day) => at.map((minute) => today + day * DAY + minute * MINUTE));
  return {
    last: Math.max(...all.filter((time) => time <= now)),
    next: Math.min(...all.filter((time) => time > now)),
  };
}
