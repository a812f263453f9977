// Images, as somebody looks for them: those of all places, found by a part of their names, in several orders, a page at a time; and
// what one is and has been.

import type { Digest } from "../oci/digest.ts";
import type { Database } from "./database.ts";
import { keptByPins, type Pin, pinsAt } from "./pins.ts";
import { type Platforms, platformsOf } from "./platforms.ts";
import type { ContentKind } from "./sweeping.ts";

export const SORTS = ["pulled", "cached", "name", "size", "pulls"] as const;
export type Sort = (typeof SORTS)[number];

export interface Wanted {
  /** A part of `host/repository:tag`, in lower case, or the beginning of a digest; one of these. */
  parts: string[];
  /** What places have to begin with; one of these. */
  places: string[];
  sort: Sort;
  descending: boolean;
  /** The last one of the page before. */
  after?: Position;
  limit: number;
}

/** What it stands by, and the numbers of its place and its manifest: as the indexes have them. */
export type Position = [key: string | number, place: number, content: number];

export interface ListedImage extends Platforms {
  place: string;
  digest: Digest;
  mediaType: string;
  tags: string[];
  /** In bytes, of all that it consists of and that is here. */
  size: number;
  cachedAt: number;
  pulledAt: number;
  /** Of its repository, in 90 days. */
  pulls: number;
  pinned: boolean;
  /** It is marked to go, and why. */
  expiring?: string;
  /** In the order that was asked for. */
  key: string | number;
  numbers: { place: number; content: number };
}

interface Row {
  pid: number;
  place: string;
  content: number;
  digest: Digest;
  media_type: string;
  pushed_at: number;
  pulled_at: number;
  reason: string | null;
  key: string | number;
}

/** What is sorted by a sum reads all that is found: no more than so many, in one call of the one object. */
const MOST_SUMMED = 20_000;

/** Without referrers, which are weak manifests; with foreign layers that are here, which are weak blobs. */
const SIZE = `(WITH RECURSIVE under (id) AS (
    SELECT images.content UNION SELECT child FROM refs JOIN under ON parent = under.id
      WHERE NOT weak OR EXISTS (SELECT 1 FROM contents WHERE id = child AND kind = 'blob'))
  SELECT coalesce(sum(size), 0) FROM under CROSS JOIN contents USING (id) WHERE present)`;
const PULLS = "(SELECT coalesce(sum(pulls), 0) FROM counters WHERE counters.place = places.place)";
const NAME = "replace(places.place, '//', '/')";
/** The first three are those of an index: a page of them reads as much as it has, and what does not match on the way. */
const KEYS: Record<Sort, string> = {
  pulled: "images.pulled_at",
  cached: "images.pushed_at",
  name: "places.place",
  size: SIZE,
  pulls: PULLS,
};

/** Images that nothing else of their place leads to, or that a tag names. */
const TOP = `(EXISTS (SELECT 1 FROM tags AS t WHERE t.content = images.content AND t.place = images.place)
  OR NOT EXISTS (SELECT 1 FROM refs CROSS JOIN images AS i ON i.content = parent AND i.place = images.place
    WHERE child = images.content))`;

/** Undefined where too many would have to be summed up. */
export function listed(database: Database, wanted: Wanted): ListedImage[] | undefined {
  const { parts, places, sort, descending, after, limit } = wanted;
  const values: (string | number)[] = [];
  const one = (value: string | number) => {
    values.push(value);
    return `?${values.length}`;
  };
  const found = parts.map((part) => {
    const value = one(part);
    return `instr(lower(${NAME}), ${value}) OR instr(digest, ${value}) = 1 OR EXISTS (SELECT 1 FROM tags AS t
      WHERE t.content = images.content AND t.place = images.place AND instr(lower(${NAME} || ':' || tag), ${value}))`;
  });
  const under = places.map((place) => {
    const value = one(place);
    return `substr(places.place, 1, length(${value})) = ${value}`;
  });
  const from = `FROM images JOIN places ON places.id = images.place JOIN contents ON contents.id = images.content
    WHERE ${TOP}
      ${found.length > 0 ? `AND (${found.join(" OR ")})` : ""} ${under.length > 0 ? `AND (${under.join(" OR ")})` : ""}`;
  if (sort === "size" || sort === "pulls") {
    const query = `SELECT count(*) AS n FROM (SELECT 1 ${from} LIMIT ${MOST_SUMMED + 1})`;
    if (database.one<{ n: number }>(query, ...values).n > MOST_SUMMED) return undefined;
  }
  const [compare, direction] = descending ? ["<", "DESC"] : [">", "ASC"];
  const behind = after
    ? `AND (${KEYS[sort]}, images.place, images.content) ${compare} (${after.map((value) => one(value)).join(", ")})`
    : "";
  const order = [KEYS[sort], "images.place", "images.content"].map((by) => `${by} ${direction}`);
  const rows = database.all<Row>(
    `SELECT images.place AS pid, places.place AS place, images.content AS content, digest, media_type, pushed_at,
       images.pulled_at AS pulled_at, reason, ${KEYS[sort]} AS key
     ${from} ${behind} ORDER BY ${order.join(", ")} LIMIT ${one(limit)}`,
    ...values,
  );
  return rows.map((row) => imageOf(database, row));
}

function imageOf(database: Database, row: Row): ListedImage {
  const { pid, place, content, digest, key, reason } = row;
  const tags = database
    .all<{ tag: string }>(
      "SELECT tag FROM tags WHERE content = ? AND place = ? AND doomed IS NULL ORDER BY tag",
      content,
      pid,
    )
    .map(({ tag }) => tag);
  const { size } = database.one<{ size: number }>(
    `SELECT ${SIZE} AS size FROM images WHERE place = ? AND content = ?`,
    pid,
    content,
  );
  const { pulls } = database.one<{ pulls: number }>(
    `SELECT ${PULLS} AS pulls FROM places WHERE id = ?`,
    pid,
  );
  return {
    place,
    digest,
    mediaType: row.media_type,
    tags,
    ...platformsOf(database, content),
    size,
    cachedAt: row.pushed_at,
    pulledAt: row.pulled_at,
    pulls,
    pinned: keptByPins(database, place, pid).has(content),
    ...(reason !== null && { expiring: reason }),
    key,
    numbers: { place: pid, content },
  };
}

/** What a place knows of an image, beside what its manifests say. */
export interface ImageRecord {
  cachedAt: number;
  pulledAt?: number;
  expiring?: string;
  tags: { tag: string; since: number }[];
  /** What its tags meant before, the latest first. */
  history: { tag: string; digest: Digest; since: number; until: number }[];
  pins: Pin[];
  /** The digest of an index of the place that leads to it. */
  partOf?: Digest;
  referrers: { digest: Digest; artifactType?: string; size: number }[];
}

const MOST_MOVES = 100;

export function recordOf(
  database: Database,
  place: string,
  digest: Digest,
): ImageRecord | undefined {
  const pid = database.placeIfKnown(place);
  const content = database.contentIfKnown(digest, "manifest");
  if (pid === undefined || content === undefined) return undefined;
  const row = database.first<{
    pushed_at: number;
    pulled_at: number | null;
    reason: string | null;
  }>(
    "SELECT pushed_at, pulled_at, reason FROM images WHERE place = ? AND content = ?",
    pid,
    content,
  );
  if (!row) return undefined;
  const tags = database.all<{ tag: string; since: number }>(
    "SELECT tag, since FROM tags WHERE content = ? AND place = ? AND doomed IS NULL ORDER BY tag",
    content,
    pid,
  );
  const history = database.all<ImageRecord["history"][number]>(
    `SELECT tag, digest, since, until FROM moves
     WHERE place = ?1 AND tag IN (SELECT tag FROM tags WHERE content = ?2 AND place = ?3) ORDER BY until DESC LIMIT ?4`,
    place,
    content,
    pid,
    MOST_MOVES,
  );
  const parent = database.first<{ digest: Digest }>(
    `SELECT digest FROM refs CROSS JOIN images AS i ON i.content = parent AND i.place = ?1
     JOIN contents ON contents.id = parent WHERE child = ?2 AND NOT weak LIMIT 1`,
    pid,
    content,
  );
  const referrers = database.all<{ digest: Digest; artifact_type: string | null; size: number }>(
    "SELECT digest, artifact_type, size FROM contents WHERE subject = ? AND kind = 'manifest' AND present ORDER BY digest LIMIT ?",
    digest,
    MOST_MOVES,
  );
  return {
    cachedAt: row.pushed_at,
    ...(row.pulled_at !== null && { pulledAt: row.pulled_at }),
    ...(row.reason !== null && { expiring: row.reason }),
    tags,
    history,
    pins: pinsAt(database, place),
    ...(parent && { partOf: parent.digest }),
    referrers: referrers.map(({ artifact_type, ...one }) => ({
      ...one,
      ...(artifact_type !== null && { artifactType: artifact_type }),
    })),
  };
}

/** What is here of a digest, and how many manifests lead to it. */
export interface KnownContent {
  digest: Digest;
  kind: ContentKind;
  present: boolean;
  parents: number;
}

/** One that is named as either kind may come twice. */
export function contentsKnown(database: Database, digests: readonly Digest[]): KnownContent[] {
  return digests.flatMap((digest) =>
    database
      .all<Omit<KnownContent, "present"> & { present: number }>(
        `SELECT digest, kind, present, (SELECT count(*) FROM refs WHERE child = contents.id AND NOT weak) AS parents
         FROM contents WHERE digest = ?`,
        digest,
      )
      .map((row) => ({ ...row, present: row.present === 1 })),
  );
}
