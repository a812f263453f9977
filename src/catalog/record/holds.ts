// Holds: tags that a rule keeps at an older digest, or refuses, because their new digest is too young (policy/age). The digest that is
// served instead counts as tagged. Kept by digest and place, not by number, so that a rebuild of the catalog keeps them.

import type { Digest } from "../../oci/digest.ts";
import type { Database } from "../database.ts";
import type { HeldTag, HoldFact, TagName } from "./contract.ts";
import { happened } from "./numbers.ts";

interface HoldRow {
  place: string;
  tag: string;
  rule: string;
  accepted: Digest | null;
  candidate: Digest;
  since: number;
  until: number | null;
  moves: number;
}

/** Records a hold, or that it is over. A hold of a new candidate, and its end, happen as events. */
export function tellHold(database: Database, fact: HoldFact): void {
  const { place, tag, rule, at, hold } = fact;
  const before = database.first<HoldRow & { at: number }>(
    "SELECT * FROM holds WHERE place = ? AND tag = ? AND rule = ?",
    place,
    tag,
    rule,
  );
  if (before && at < before.at) return; // a late report
  if (!hold) {
    if (!before) return;
    database.run("DELETE FROM holds WHERE place = ? AND tag = ? AND rule = ?", place, tag, rule);
    const { candidate: digest } = before;
    const detail = `${rule}: ${fact.because ?? "it is no longer held"}`;
    happened(database, { what: "tag.released", at, place, tag, digest, detail });
    return;
  }
  database.run(
    "INSERT OR REPLACE INTO holds VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    place,
    tag,
    rule,
    hold.accepted ?? null,
    hold.candidate,
    hold.since,
    hold.until ?? null,
    hold.moves,
    at,
  );
  if (before?.candidate === hold.candidate && before.since === hold.since) return;
  const { candidate: digest, accepted, until, moves } = hold;
  const end = until === undefined ? "" : ` until ${new Date(until).toISOString()}`;
  const often = moves > 1 ? `; it moved ${moves} times within the minimum age` : "";
  const detail = `${rule}: ${accepted ? "an older digest is served" : "refused"}${end}${often}`;
  const known = accepted === undefined ? {} : { before: accepted };
  happened(database, { what: "tag.held", at, place, tag, digest, ...known, detail });
}

/** Held tags in the order of their names. @param after the last one of the previous page */
export function heldTags(
  database: Database,
  after: Pick<HeldTag, "place" | "tag" | "rule"> | undefined,
  limit: number,
): HeldTag[] {
  const { place = "", tag = "", rule = "" } = after ?? {};
  const rows = database.all<HoldRow>(
    "SELECT * FROM holds WHERE (place, tag, rule) > (?, ?, ?) ORDER BY place, tag, rule LIMIT ?",
    place,
    tag,
    rule,
    limit,
  );
  return rows.map((row) => ({
    place: row.place,
    tag: row.tag,
    rule: row.rule,
    hold: {
      ...(row.accepted !== null && { accepted: row.accepted }),
      candidate: row.candidate,
      since: row.since,
      ...(row.until !== null && { until: row.until }),
      moves: row.moves,
    },
  }));
}

/** Forgets the holds of a tag that is deleted here: the cron would check it, and so bring it back. */
export function forgetHolds(database: Database, place: string, tag: string): void {
  database.run("DELETE FROM holds WHERE place = ? AND tag = ?", place, tag);
}

/** Cached tags that are held, or were pulled since a day, and that were not checked since `before`: those checked longest ago first. They
 * count as checked now.
 * @param day first day, such as `2026-11-26` @param places origins with `//` behind, whose tags are wanted */
export function tagsToCheck(
  database: Database,
  { day, places, before, now }: { day: string; places: string[]; before: number; now: number },
  limit: number,
): TagName[] {
  if (places.length === 0) return [];
  const under = places.map(() => "substr(w.place, 1, length(?)) = ?").join(" OR ");
  const tags = database.all<TagName>(
    `SELECT w.place AS place, w.tag AS tag FROM (
       SELECT place, tag FROM holds UNION
       SELECT place, tag FROM image_pulls WHERE tag <> '' AND day >= ?) AS w
     LEFT JOIN age_checks AS c ON c.place = w.place AND c.tag = w.tag
     WHERE coalesce(c.at, 0) < ? AND (${under})
       AND EXISTS (SELECT 1 FROM tags WHERE key = w.place || ':' || w.tag)
     ORDER BY coalesce(c.at, 0), w.place, w.tag LIMIT ?`,
    day,
    before,
    ...places.flatMap((place) => [place, place]),
    limit,
  );
  for (const { place, tag } of tags)
    database.run("INSERT OR REPLACE INTO age_checks VALUES (?, ?, ?)", place, tag, now);
  return tags;
}

/** @param before in ms since the epoch */
export function trimHolds(database: Database, before: number): void {
  database.run("DELETE FROM age_checks WHERE at < ?", before);
  database.run("DELETE FROM holds WHERE at < ?", before);
}
