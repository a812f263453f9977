// Vulnerabilities: whether a rule refuses an image because of what scanners found in it. Pure.

import { rankOf } from "../config/severity.ts";
import type { VulnerabilityPolicy } from "../config/vulnerability-fields.ts";
import { globMatcher } from "./glob.ts";
import { type Findings, type Verdict, type Weighed, weighed } from "./verdict.ts";

/** Number of vulnerabilities that a message names. */
const NAMED = 5;

/** The decision about an image; plain data. Each message is a sentence without its end. */
export type Judged =
  | {
      passes: true;
      message: string /** When it is refused if nothing changes, in ms since the epoch. */;
      until?: number;
    }
  | { passes: false; message: string; unscanned?: true };

/** @param verdict of the manifest; undefined if no scanner has reported on it
 * @param names of the image, as clients write it @param now in ms since the epoch */
export function judged(
  verdict: Verdict | undefined,
  policy: VulnerabilityPolicy,
  names: readonly string[],
  now: number,
): Judged {
  const findings = verdict?.findings.filter((one) => counts(one, names)) ?? [];
  if (!verdict || findings.length === 0) {
    if (policy.unscanned === "serve")
      return {
        passes: true,
        message: "no scanner has reported on it, and the rule serves such images",
      };
    return { passes: false, unscanned: true, message: "no scanner has reported on it" };
  }
  const bad = weighed({ ...verdict, findings }).filter((one) => isCounted(one, policy));
  const ignoredIds = new Set(
    policy.ignore.filter(({ until }) => until > now).map(({ id }) => id.toLowerCase()),
  );
  const isIgnored = ({ id }: Weighed) => ignoredIds.has(id.toLowerCase());
  const serious = bad.filter((one) => !isIgnored(one));
  const graceEnds = ({ firstSeen }: Weighed) => firstSeen + (policy.grace ?? 0);
  const refused = serious.filter((one) => graceEnds(one) <= now);
  if (refused.length > 0)
    return { passes: false, message: `${kindOf(policy)}: ${namesOf(refused, findings)}` };
  const ends = [
    ...serious.map(graceEnds),
    ...endsOf(bad.filter(isIgnored), policy, graceEnds, now),
  ];
  const parts = [
    ...(serious.length > 0 ? [`${serious.length} within the grace period`] : []),
    ...(bad.length > serious.length ? [`${bad.length - serious.length} ignored by the rule`] : []),
  ];
  const message = `no ${kindOf(policy)}${parts.length > 0 ? ` besides ${parts.join(" and ")}` : ""}`;
  return { passes: true, message, ...(ends.length > 0 && { until: Math.min(...ends) }) };
}

/** Whether the sender may report on the image. */
function counts({ repositories }: Findings, names: readonly string[]): boolean {
  return !repositories || repositories.some((glob) => names.some(globMatcher(glob)));
}

function isCounted({ severity, fixable }: Weighed, policy: VulnerabilityPolicy): boolean {
  return rankOf(severity) >= rankOf(policy.refuse) && (fixable || !policy.fixableOnly);
}

/** When the exceptions of ignored vulnerabilities end, and their grace periods too. An id may be excepted twice: the last end counts. */
function endsOf(
  ignored: readonly Weighed[],
  { ignore }: VulnerabilityPolicy,
  graceEnds: (one: Weighed) => number,
  now: number,
): number[] {
  return ignored.map((one) => {
    const entries = ignore.filter(({ id, until }) => sameId(id, one.id) && until > now);
    return Math.max(graceEnds(one), ...entries.map(({ until }) => until));
  });
}

function sameId(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

function kindOf({ refuse, fixableOnly }: VulnerabilityPolicy): string {
  const severity = refuse === "critical" ? "critical" : `${refuse} or worse`;
  return `${fixableOnly ? "fixable " : ""}vulnerability that is ${severity}`;
}

/** Such as `CVE-2026-1 (critical, in openssl, fixed by 3.0.9), CVE-2026-2 (high, in zlib) and 7 more`. */
function namesOf(refused: readonly Weighed[], findings: readonly Findings[]): string {
  const all = findings.flatMap(({ vulnerabilities }) => vulnerabilities);
  const named = refused.slice(0, NAMED).map(({ id, severity }) => {
    const found = all.filter((one) => one.id === id);
    const [where] = found;
    const fixedBy = found.find((one) => one.fixedBy !== undefined)?.fixedBy;
    const parts = [
      severity,
      ...(where?.package ? [`in ${where.package}`] : []),
      ...(fixedBy === undefined ? [] : [`fixed by ${fixedBy}`]),
    ];
    return `${id} (${parts.join(", ")})`;
  });
  const more = refused.length - named.length;
  return more > 0 ? `${named.join(", ")} and ${more} more` : named.join(", ");
}
