// Content records: manifests and blobs that are cached, and what manifests refer to.

import type { Digest } from "../../oci/digest.ts";
import type { Database } from "../database.ts";
import { creditDeleted } from "../sweep/deleted.ts";
import type { BlobFact, ManifestFact } from "./contract.ts";
import { happened } from "./numbers.ts";
import { hold } from "./record-pulls.ts";
import { isReferred, learnChildren, learnParents, refer, UNREFERRED } from "./referred.ts";
import { forgetRemembered, placesOf } from "./remembered.ts";

/** @returns contents it leads to that are being deleted now */
export function tellManifest(database: Database, fact: ManifestFact): { going: Digest[] } {
  const { digest, place, size, cachedAt, adoptedAt, found } = fact;
  const id = database.content(digest, "manifest");
  // A fetch while a sweep was about to delete it: the sweep did delete it.
  if (adoptedAt === undefined) creditDeleted(database, id);
  const wasHere = database.has("SELECT 1 FROM contents WHERE id = ? AND present", id);
  database.run(
    `UPDATE contents SET present = 1, size = ?, media_type = ?, artifact_type = ?, subject = coalesce(?, subject),
       cached_at = CASE WHEN present THEN cached_at ELSE ? END, going = CASE WHEN ? THEN going ELSE NULL END WHERE id = ?`,
    size,
    fact.mediaType,
    fact.artifactType ?? null,
    fact.subject ?? null,
    cachedAt,
    wasHere && adoptedAt !== undefined ? 1 : 0,
    id,
  );
  for (const { digest: child, platform } of fact.children) {
    refer(database, id, database.content(child, "manifest"));
    if (platform !== undefined) {
      const query = "UPDATE contents SET platform = ? WHERE digest = ? AND kind = 'manifest'";
      database.run(query, platform, child);
    }
  }
  const foreign = new Set(fact.foreign);
  for (const blob of fact.blobs)
    refer(database, id, database.content(blob, "blob"), foreign.has(blob));
  learnChildren(database, id);
  learnParents(database, id);
  linkReferrers(database, id, digest, fact.subject);
  const isUnknown = adoptedAt !== undefined && !found;
  const times = { pushedAt: cachedAt, ...(isUnknown && { unknownSince: adoptedAt }) };
  // A fetched manifest was not in R2: its image starts anew.
  if (adoptedAt === undefined) forgetRemembered(database, digest);
  else for (const before of placesOf(database, digest)) hold(database, before, id, times);
  // Pulls are reported by pull/reports: tag checks and prewarming fetch too.
  hold(database, place, id, times);
  if (!wasHere && adoptedAt === undefined)
    happened(database, {
      what: "image.cached",
      at: cachedAt,
      place,
      digest,
      detail: fact.mediaType,
    });
  const going = database.all<{ digest: Digest }>(
    "SELECT digest FROM refs JOIN contents ON contents.id = child WHERE parent = ? AND going IS NOT NULL",
    id,
  );
  return { going: going.map((row) => row.digest) };
}

/** Ties a referrer to its subject, whichever of them comes first. */
function linkReferrers(
  database: Database,
  id: number,
  digest: Digest,
  subject: Digest | undefined,
): void {
  const about = subject && database.contentIfKnown(subject, "manifest");
  if (about !== undefined && about !== id) refer(database, about, id, true);
  const query = "SELECT id FROM contents WHERE subject = ? AND kind = 'manifest' AND present";
  for (const referrer of database.all<{ id: number }>(query, digest))
    if (referrer.id !== id) refer(database, id, referrer.id, true);
}

export function tellBlob(database: Database, fact: BlobFact): void {
  const { digest, size, attempt, generation, cachedAt } = fact;
  const id = database.content(digest, "blob");
  learnParents(database, id);
  const query = "SELECT generation FROM contents WHERE id = ? AND present";
  const before = database.first<{ generation: string | null }>(query, id);
  if (before?.generation === generation) return;
  creditDeleted(database, id);
  database.run(
    `UPDATE contents SET present = 1, size = ?, attempt = ?, generation = ?, cached_at = ?, pulled_at = max(coalesce(pulled_at, 0), ?),
       going = NULL WHERE id = ?`,
    size,
    attempt,
    generation,
    cachedAt,
    cachedAt,
    id,
  );
  if (isReferred(database, id)) return;
  // 0: the next sweep sets the date.
  database.run("UPDATE contents SET orphaned_at = 0, because = ? WHERE id = ?", UNREFERRED, id);
}
