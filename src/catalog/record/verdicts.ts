// Verdicts in the catalog: a summary for each digest, for lists and metrics, and when each vulnerability was first seen.

import { rankOf, SEVERITIES, type Severity } from "../../config/severity.ts";
import type { Digest } from "../../oci/digest.ts";
import type { Database } from "../database.ts";
import type {
  HeldBy,
  ListedVerdict,
  SeverityCounts,
  VerdictFact,
  VerdictQuery,
  VulnerabilityTotals,
} from "./contract.ts";
import { happened } from "./numbers.ts";

/** Number of ids in one query, whose text SQLite bounds. */
const IDS_AT_ONCE = 2_000;
/** Maximum number of vulnerabilities that are remembered: all CVEs are some 300,000. Attack: a scanner's token reports ever new ids, until the
 * catalog's storage is full. */
export const MAX_KNOWN = 500_000;
/** Maximum number of places that are listed for a digest, and of tags for each. */
const MAX_PLACES = 20;
const MAX_TAGS = 20;

interface VerdictRow {
  digest: Digest;
  scanned_at: number;
  scanners: string;
  counts: string;
}

/** The manifest and the indexes that lead to it. */
const HOLDERS = `SELECT id FROM contents WHERE digest = verdicts.digest AND kind = 'manifest'
  UNION SELECT parent FROM refs JOIN contents AS c ON c.id = child WHERE NOT weak AND c.digest = verdicts.digest AND c.kind = 'manifest'`;

/** Stores the summary, and tells of a change. @returns when each id was first seen, in ms since the epoch */
export function tellVerdict(
  database: Database,
  { digest, scannedAt, scanners, counts, ids }: VerdictFact,
  now: number,
): Record<string, number> {
  const text = JSON.stringify(counts);
  const worst = Math.max(-1, ...SEVERITIES.filter((one) => counts[one][0] > 0).map(rankOf));
  const fixable = Math.max(-1, ...SEVERITIES.filter((one) => counts[one][1] > 0).map(rankOf));
  const before = database.first<VerdictRow>("SELECT * FROM verdicts WHERE digest = ?", digest);
  database.run(
    "INSERT OR REPLACE INTO verdicts VALUES (?, ?, ?, ?, ?, ?)",
    digest,
    scannedAt,
    JSON.stringify(scanners),
    worst,
    fixable,
    text,
  );
  if (before?.counts !== text) tellChange(database, digest, wordsOf(counts), now);
  return firstSeenOf(database, ids, now);
}

/** When each id was first seen; 0, which leaves no grace period, for a new one where too many are known. */
function firstSeenOf(
  database: Database,
  ids: readonly string[],
  now: number,
): Record<string, number> {
  const firstSeen: Record<string, number> = Object.fromEntries(ids.map((id) => [id, 0]));
  for (let at = 0; at < ids.length; at += IDS_AT_ONCE) {
    const some = JSON.stringify(ids.slice(at, at + IDS_AT_ONCE));
    const isNew = "SELECT 1 FROM json_each(?) WHERE value NOT IN (SELECT id FROM vulnerabilities)";
    if (database.has(isNew, some)) remember(database, some, now);
    const rows = database.all<{ id: string; first_seen: number }>(
      "SELECT id, first_seen FROM vulnerabilities WHERE id IN (SELECT value FROM json_each(?))",
      some,
    );
    for (const { id, first_seen } of rows) firstSeen[id] = first_seen;
  }
  return firstSeen;
}

/** @param ids as JSON */
function remember(database: Database, ids: string, now: number): void {
  const { count } = database.one<{ count: number }>(
    "SELECT count(*) AS count FROM vulnerabilities",
  );
  if (count >= MAX_KNOWN) {
    console.warn(
      `entrepot: ${count} vulnerabilities are known, and new ones are not remembered: they have no grace period`,
    );
    return;
  }
  const query = "INSERT OR IGNORE INTO vulnerabilities SELECT value, ? FROM json_each(?)";
  database.run(query, now, ids);
}

/** Forgets the summary: no scanner's report is left. */
export function dropVerdict(database: Database, digest: Digest, now: number): void {
  const gone = database.all("DELETE FROM verdicts WHERE digest = ? RETURNING digest", digest);
  if (gone.length > 0) tellChange(database, digest, "no report is left", now);
}

function tellChange(database: Database, digest: Digest, detail: string, now: number): void {
  const places = heldBy(database, digest).map(({ place }) => ({ place }));
  for (const place of places.length > 0 ? places : [{}])
    happened(database, { what: "verdict.changed", at: now, digest, ...place, detail });
}

/** Such as `1 critical (1 fixable), 3 high`. */
function wordsOf(counts: SeverityCounts): string {
  const found = SEVERITIES.toReversed().flatMap((severity) => {
    const [all, fixable] = counts[severity];
    return all === 0 ? [] : [`${all} ${severity}${fixable > 0 ? ` (${fixable} fixable)` : ""}`];
  });
  return found.length > 0 ? found.join(", ") : "no vulnerabilities";
}

/** Worst first, then those with a fix, then the latest pulled. */
export function listedVerdicts(
  database: Database,
  { severity, fixable, roots, skip, limit }: VerdictQuery,
): ListedVerdict[] {
  const column = fixable ? "worst_fixable" : "worst";
  const under = roots.map(() => "substr(places.place, 1, length(?)) = ?").join(" OR ");
  const rows = database.all<VerdictRow>(
    `SELECT digest, scanned_at, scanners, counts FROM verdicts WHERE ${column} >= ?
       ${under && `AND EXISTS (SELECT 1 FROM images JOIN places ON places.id = images.place WHERE content IN (${HOLDERS}) AND (${under}))`}
     ORDER BY ${column} DESC, worst_fixable DESC,
       coalesce((SELECT max(pulled_at) FROM images WHERE content IN (${HOLDERS})), 0) DESC, digest
     LIMIT ? OFFSET ?`,
    severity === undefined ? -1 : rankOf(severity),
    ...roots.flatMap((root) => [root, root]),
    limit,
    skip,
  );
  return rows.map(({ digest, scanned_at, scanners, counts }) => ({
    digest,
    scannedAt: scanned_at,
    scanners: JSON.parse(scanners),
    counts: JSON.parse(counts),
    heldBy: heldBy(database, digest),
  }));
}

/** Places that hold the manifest or an index that leads to it, with their tags of either. */
export function heldBy(database: Database, digest: Digest): HeldBy[] {
  const id = database.contentIfKnown(digest, "manifest");
  if (id === undefined) return [];
  const holders = "SELECT ?1 UNION SELECT parent FROM refs WHERE child = ?1 AND NOT weak";
  const rows = database.all<{ pid: number; place: string; pulled_at: number | null }>(
    `SELECT places.id AS pid, places.place AS place, max(pulled_at) AS pulled_at
     FROM images JOIN places ON places.id = images.place WHERE content IN (${holders})
     GROUP BY places.id ORDER BY pulled_at DESC LIMIT ${MAX_PLACES}`,
    id,
  );
  return rows.map(({ pid, place, pulled_at }) => ({
    place,
    tags: database
      .all<{ tag: string }>(
        `SELECT tag FROM tags WHERE content IN (${holders}) AND place = ?2 AND doomed IS NULL ORDER BY tag LIMIT ${MAX_TAGS}`,
        id,
        pid,
      )
      .map(({ tag }) => tag),
    ...(pulled_at !== null && { pulledAt: pulled_at }),
  }));
}

/** Over all digests that were scanned. */
export function vulnerabilityTotals(database: Database): VulnerabilityTotals {
  const { scanned } = database.one<{ scanned: number }>("SELECT count(*) AS scanned FROM verdicts");
  const of = (severity: Severity) => {
    const sums = database.one<{ images: number; found: number | null; fixable: number | null }>(
      `SELECT count(*) FILTER (WHERE worst = ?1) AS images, sum(json_extract(counts, ?2)) AS found,
         sum(json_extract(counts, ?3)) AS fixable FROM verdicts`,
      rankOf(severity),
      `$.${severity}[0]`,
      `$.${severity}[1]`,
    );
    return { images: sums.images, found: sums.found ?? 0, fixable: sums.fixable ?? 0 };
  };
  const bySeverity = SEVERITIES.map((severity) => [severity, of(severity)] as const);
  return {
    scanned,
    bySeverity: Object.fromEntries(bySeverity) as VulnerabilityTotals["bySeverity"],
  };
}
