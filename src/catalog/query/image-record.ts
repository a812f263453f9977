// Image records: what a place knows of an image besides its manifests, and which digests are cached.

import type { Digest } from "../../oci/digest.ts";
import type { Database } from "../database.ts";
import { lastPullOf, pullsByTag, repositoryPulls } from "../record/image-pulls.ts";
import { pinsAt } from "../sweep/pins.ts";
import type { ImageRecord, KnownContent } from "./contract.ts";

/** Maximum number of earlier digests, and of referrers, in a record. */
const MAX_LISTED = 100;

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
    unknown_since: number | null;
    reason: string | null;
  }>(
    "SELECT pushed_at, pulled_at, unknown_since, reason FROM images WHERE place = ? AND content = ?",
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
    MAX_LISTED,
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
    MAX_LISTED,
  );
  const byTag = pullsByTag(database, place, digest);
  return {
    cachedAt: row.pushed_at,
    ...lastPullOf(row),
    pulls: byTag.reduce((sum, { pulls }) => sum + pulls, 0),
    pullsByTag: byTag,
    repository: repositoryPulls(database, place),
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

/** A digest known both as manifest and as blob comes twice. */
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
