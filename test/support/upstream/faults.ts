// The list of faults: what shall go wrong, for which requests, how many times.

import type { FaultRule, Match, RequestRecord } from "../wire.ts";

interface Live extends FaultRule {
  id: number;
  /** Infinity for one that stays. */
  left: number;
}

export class Faults {
  private rules: Live[] = [];
  private last = 0;

  add(rule: FaultRule): number {
    const times = rule.times ?? 1;
    this.rules.push({
      ...rule,
      id: ++this.last,
      left: times === 0 ? Number.POSITIVE_INFINITY : times,
    });
    return this.last;
  }

  /** The fault this request gets; it is thereby used once. */
  take(record: RequestRecord, unauthorized: boolean): FaultRule["do"] {
    const rule = this.rules.find((rule) => matches(rule, record, unauthorized));
    if (!rule) return {};
    if (--rule.left === 0) this.rules.splice(this.rules.indexOf(rule), 1);
    return rule.do;
  }

  /** Ends the faults of a repository, or the one with this id, or all. */
  end(which: { repository?: string; id?: number }): void {
    this.rules = this.rules.filter(
      (rule) =>
        (which.repository !== undefined && rule.match.repository !== which.repository) ||
        (which.id !== undefined && rule.id !== which.id),
    );
  }
}

function matches(
  { match, do: fault }: FaultRule,
  record: RequestRecord,
  unauthorized: boolean,
): boolean {
  const keys = [
    "server",
    "method",
    "kind",
    "repository",
    "reference",
  ] as const satisfies (keyof Match)[];
  if (keys.some((key) => match[key] !== undefined && match[key] !== record[key])) return false;
  if (match.ranged !== undefined && match.ranged !== (record.range !== null)) return false;
  // Otherwise the first request of every client, the one for the challenge, would use up the fault.
  if ((match.unauthorized ?? false) !== unauthorized) return false;
  // "Redirect this repository to the cdn" must not redirect the cdn to itself.
  return !(fault.redirect && record.server === "cdn" && match.server !== "cdn");
}
