// Image search: finds images of all places by part of their names, in several orders, one page at a time.

import type { Digest } from "../../oci/digest.ts";
import type { Database } from "../database.ts";
import { lastPullOf, pullsOf, repositoryPulls } from "../record/image-pulls.ts";
import { platformsOf } from "../record/platforms.ts";
import { keptByPins } from "../sweep/pins.ts";
import type { ImageQuery, ListedImage, RepositoryPulls, Sort } from "./contract.ts";

interface ImageRow {
  pid: number;
  place: string;
  content: number;
  digest: Digest;
  media_type: string;
  pushed_at: number;
  pulled_at: number | null;
  unknown_since: number | null;
  reason: string | null;
  key: string | number;
  /** Absent where it is the key. */
  pulls?: number;
}

/** Maximum number of images for orders by size or pulls: these compute a sum for each match, in one call of the one
 * object. */
const MAX_SUMMED = 20_000;

/** Size in bytes, without referrers, which are weak manifests, and with cached foreign layers, which are weak blobs. */
const SIZE = `(WITH RECURSIVE under (id) AS (
    SELECT images.content UNION SELECT child FROM refs JOIN under ON parent = under.id
      WHERE NOT weak OR EXISTS (SELECT 1 FROM contents WHERE id = child AND kind = 'blob'))
  SELECT coalesce(sum(size), 0) FROM under CROSS JOIN contents USING (id) WHERE present)`;
const PULLS = pullsOf("places.place", "contents.digest");
const NAME = "replace(places.place, '//', '/')";
/** SQL of each order's key. The first three have an index: a page reads only its own rows and those it skips. */
const KEYS: Record<Sort, string> = {
  // Never pulled: last. Last pull unknown: by when that began.
  pulled: "coalesce(images.pulled_at, images.unknown_since, 0)",
  cached: "images.pushed_at",
  name: "places.place",
  size: SIZE,
  pulls: PULLS,
};

/** Images that a tag names, or that no other image of their place leads to. */
const TOP = `(EXISTS (SELECT 1 FROM tags AS t WHERE t.content = images.content AND t.place = images.place)
  OR NOT EXISTS (SELECT 1 FROM refs CROSS JOIN images AS i ON i.content = parent AND i.place = images.place
    WHERE child = images.content))`;

/** Undefined where more than MAX_SUMMED images would have to be summed up. */
export function listed(database: Database, wanted: ImageQuery): ListedImage[] | undefined {
  const { parts, places, sort, descending, after, limit } = wanted;
  const values: (string | number)[] = [];
  const parameter = (value: string | number) => {
    values.push(value);
    return `?${values.length}`;
  };
  const found = parts.map((part) => {
    const value = parameter(part);
    return `instr(lower(${NAME}), ${value}) OR instr(digest, ${value}) = 1 OR EXISTS (SELECT 1 FROM tags AS t
      WHERE t.content = images.content AND t.place = images.place AND instr(lower(${NAME} || ':' || tag), ${value}))`;
  });
  const under = places.map((place) => {
    const value = parameter(place);
    return `substr(places.place, 1, length(${value})) = ${value}`;
  });
  const from = `FROM images JOIN places ON places.id = images.place JOIN contents ON contents.id = images.content
    WHERE ${TOP}
      ${found.length > 0 ? `AND (${found.join(" OR ")})` : ""} ${under.length > 0 ? `AND (${under.join(" OR ")})` : ""}`;
  if (sort === "size" || sort === "pulls") {
    const query = `SELECT count(*) AS n FROM (SELECT 1 ${from} LIMIT ${MAX_SUMMED + 1})`;
    if (database.one<{ n: number }>(query, ...values).n > MAX_SUMMED) return undefined;
  }
  const [compare, direction] = descending ? ["<", "DESC"] : [">", "ASC"];
  const behind = after
    ? `AND (${KEYS[sort]}, images.place, images.content) ${compare} (${after.map((value) => parameter(value)).join(", ")})`
    : "";
  // By the columns' names: an expression would be computed again.
  const order = ["key", "pid", "content"].map((by) => `${by} ${direction}`);
  const rows = database.all<ImageRow>(
    `SELECT images.place AS pid, places.place AS place, images.content AS content, digest, media_type, pushed_at,
       images.pulled_at AS pulled_at, images.unknown_since AS unknown_since, reason, ${KEYS[sort]} AS key${sort === "pulls" ? "" : `, ${PULLS} AS pulls`}
     ${from} ${behind} ORDER BY ${order.join(", ")} LIMIT ${parameter(limit)}`,
    ...values,
  );
  const ofPlaces = new Map<number, OfPlace>();
  for (const { pid, place } of rows)
    if (!ofPlaces.has(pid))
      ofPlaces.set(pid, {
        repository: repositoryPulls(database, place),
        pinned: keptByPins(database, place, pid),
      });
  return rows.map((row) => imageOf(database, row, sort, ofPlaces.get(row.pid) as OfPlace));
}

/** What is the same for all images of a place. */
interface OfPlace {
  repository: RepositoryPulls;
  pinned: ReadonlySet<number>;
}

function imageOf(
  database: Database,
  row: ImageRow,
  sort: Sort,
  { repository, pinned }: OfPlace,
): ListedImage {
  const { pid, place, content, digest, key, reason } = row;
  const tags = database
    .all<{ tag: string }>(
      "SELECT tag FROM tags WHERE content = ? AND place = ? AND doomed IS NULL ORDER BY tag",
      content,
      pid,
    )
    .map(({ tag }) => tag);
  return {
    place,
    digest,
    mediaType: row.media_type,
    tags,
    ...platformsOf(database, content),
    size: sort === "size" ? Number(key) : sizeOf(database, row),
    cachedAt: row.pushed_at,
    ...lastPullOf(row),
    pulls: row.pulls ?? Number(key),
    repository,
    pinned: pinned.has(content),
    ...(reason !== null && { expiring: reason }),
    key,
    numbers: { place: pid, content },
  };
}

function sizeOf(database: Database, { pid, content }: ImageRow): number {
  const query = `SELECT ${SIZE} AS size FROM images WHERE place = ? AND content = ?`;
  return database.one<{ size: number }>(query, pid, content).size;
}
