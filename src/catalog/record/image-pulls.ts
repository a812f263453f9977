// Pulls by image: by digest and tag, and those known by repository alone. A pull of a multi-platform image is a GET of
// its index and one of a platform's manifest, and counts once, for the index.

import type { Digest } from "../../oci/digest.ts";
import type { Database } from "../database.ts";
import type { RepositoryPulls } from "../query/contract.ts";
import type { Counts, HeldImage, ImagePulls, Report } from "./contract.ts";

/** Stored instead of a digest for pulls whose image is unknown. */
const NO_IMAGE = "";

/** SQL for an image's pulls in 90 days. `place` and `digest` are columns of the surrounding query. */
export function pullsOf(place: string, digest: string): string {
  return `(SELECT coalesce(sum(p.pulls), 0) FROM image_pulls AS p WHERE p.place = ${place} AND p.digest = ${digest})`;
}

export function countPulls(database: Database, { pulls, counts }: Report): void {
  if (!pulls) {
    for (const one of counts) if (one.pulls > 0) add(database, ofRepository(one), one.pulls, 0);
    return;
  }
  for (const { one, parents } of inOrder(database, pulls)) {
    const parts = parents.length === 0 ? 0 : Math.min(one.pulls, openParts(database, one, parents));
    add(database, one, one.pulls - parts, parts);
  }
}

/** Each index before its children, whatever the order of the report: it has fewer ancestors than they have. */
function inOrder(database: Database, pulls: readonly ImagePulls[]) {
  return pulls
    .map((one) => ({ one, ...(isPart(one) ? indexesOf(database, one) : NO_INDEXES) }))
    .toSorted((a, b) => a.ancestors - b.ancestors || compare(a.one.digest, b.one.digest));
}

function compare(one: string, other: string): number {
  return Number(one > other) - Number(one < other);
}

function ofRepository({
  day,
  place,
  pulls,
}: Counts): Omit<ImagePulls, "digest"> & { digest: string } {
  return { day, place, digest: NO_IMAGE, tag: "", pulls };
}

/** Clients pull a platform's manifest by its digest. */
function isPart({ tag }: ImagePulls): boolean {
  return tag === "";
}

/** The place's indexes that lead to an image. */
interface Indexes {
  /** Numbers of those that name it. */
  parents: number[];
  /** Number of all that lead to it, nested ones included. */
  ancestors: number;
}

const NO_INDEXES: Indexes = { parents: [], ancestors: 0 };

function indexesOf(database: Database, { place, digest }: ImagePulls): Indexes {
  const query = `
    WITH RECURSIVE up (id, distance) AS (
      SELECT id, 0 FROM contents WHERE digest = ?2 AND kind = 'manifest'
      UNION SELECT parent, min(distance + 1, 2) FROM up JOIN refs ON child = up.id AND NOT weak
        CROSS JOIN images ON images.content = parent AND images.place = (SELECT id FROM places WHERE place = ?1))
    SELECT id, min(distance) AS nearest FROM up WHERE distance > 0 GROUP BY id`;
  const found = database.all<{ id: number; nearest: number }>(query, place, digest);
  const parents = found.filter(({ nearest }) => nearest === 1).map(({ id }) => id);
  return { parents, ancestors: found.length };
}

/** Number of pulls of these indexes on that day that no GET of a child manifest has followed yet. */
function openParts(
  database: Database,
  { place, day }: ImagePulls,
  parents: readonly number[],
): number {
  const list = parents.join(", ");
  const { pulled } = database.one<{ pulled: number }>(
    `SELECT coalesce(sum(pulls + parts), 0) AS pulled FROM image_pulls WHERE place = ? AND day = ?
       AND digest IN (SELECT digest FROM contents WHERE id IN (${list}))`,
    place,
    day,
  );
  const { followed } = database.one<{ followed: number }>(
    `SELECT coalesce(sum(parts), 0) AS followed FROM image_pulls WHERE place = ? AND day = ?
       AND digest IN (SELECT digest FROM refs JOIN contents ON contents.id = child WHERE parent IN (${list}) AND NOT weak)`,
    place,
    day,
  );
  return Math.max(0, pulled - followed);
}

function add(
  database: Database,
  { place, digest, tag, day }: Omit<ImagePulls, "digest"> & { digest: string },
  pulls: number,
  parts: number,
): void {
  database.run(
    `INSERT INTO image_pulls VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET pulls = pulls + excluded.pulls, parts = parts + excluded.parts`,
    place,
    digest,
    tag,
    day,
    pulls,
    parts,
  );
}

export function repositoryPulls(database: Database, place: string): RepositoryPulls {
  return database.one<{ pulls: number; unassigned: number }>(
    `SELECT coalesce(sum(pulls), 0) AS pulls, coalesce(sum(CASE WHEN digest = ?2 THEN pulls END), 0) AS unassigned
     FROM image_pulls WHERE place = ?1`,
    place,
    NO_IMAGE,
  );
}

/** Pulls of an image in 90 days, by the tag used. */
export function pullsByTag(
  database: Database,
  place: string,
  digest: Digest,
): { tag: string; pulls: number }[] {
  const query = `SELECT tag, sum(pulls) AS pulls FROM image_pulls WHERE place = ? AND digest = ?
    GROUP BY tag HAVING sum(pulls) > 0 ORDER BY tag`;
  return database.all<{ tag: string; pulls: number }>(query, place, digest);
}

/** Last pull of an image, or since when it is unknown; neither if it was never pulled. */
export function lastPullOf({
  pulled_at,
  unknown_since,
}: {
  pulled_at: number | null;
  unknown_since: number | null;
}): Pick<HeldImage, "pulledAt" | "unknownSince"> {
  if (pulled_at !== null) return { pulledAt: pulled_at };
  return unknown_since === null ? {} : { unknownSince: unknown_since };
}
