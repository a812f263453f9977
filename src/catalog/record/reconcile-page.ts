// Reconciliation: compares pages of R2's listing with the catalog, adopts what is unknown and forgets what is gone.
// They differ after a failure between the two, or after objects were deleted by hand.

import type { Digest } from "../../oci/digest.ts";
import type { Database } from "../database.ts";
import { forget } from "../sweep/collecting.ts";
import type { BlobPage, ContentKind, Page, TagPage } from "../sweep/contract.ts";
import { tellBlob } from "./record-content.ts";
import { holdTagged } from "./record-pulls.ts";
import { keyOf, tagOf, tellTag } from "./tags.ts";

const VANISHED = "the manifest that referred to it is no longer in R2";
/** Sorts after every digest and every name. */
const END = "\u{10ffff}";

export function seeManifests(
  database: Database,
  page: Page<Digest>,
): { unknown: Digest[]; forgotten: number } {
  const unknown = page.seen.filter((digest) => !isPresent(database, digest, "manifest"));
  return { unknown, forgotten: forgetUnseen(database, "manifest", page, page.seen) };
}

export function seeBlobs(
  database: Database,
  page: BlobPage,
): { adopted: number; forgotten: number } {
  let adopted = 0;
  for (const blob of page.seen) {
    if (!isPresent(database, blob.digest, "blob")) adopted += 1;
    tellBlob(database, blob);
  }
  const digests = page.seen.map(({ digest }) => digest);
  const forgotten = forgetUnseen(database, "blob", page, digests);
  for (const { digest, attempt, bytes } of page.segments) {
    const query =
      "SELECT 1 FROM contents WHERE digest = ? AND kind = 'blob' AND attempt = ? AND present";
    if (database.has(query, digest, attempt)) continue;
    // Segments of a running fill or of an abandoned one: the BlobFill decides once their grace is over.
    database.run(
      `INSERT INTO leftovers VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET bytes = max(bytes, excluded.bytes)`,
      digest,
      attempt,
      bytes,
      page.now,
    );
  }
  return { adopted, forgotten };
}

function isPresent(database: Database, digest: Digest, kind: ContentKind): boolean {
  return database.has(
    "SELECT 1 FROM contents WHERE digest = ? AND kind = ? AND present",
    digest,
    kind,
  );
}

/** Forgets contents known since before the pass began that are missing from this part of the listing. */
function forgetUnseen<T>(
  database: Database,
  kind: ContentKind,
  { after, upTo, startedAt }: Page<T>,
  seen: Digest[],
): number {
  const known = database.all<{ id: number; digest: Digest }>(
    `SELECT id, digest FROM contents WHERE kind = ? AND digest > ? AND digest <= ? AND present AND cached_at < ?
       AND going IS NULL`,
    kind,
    after,
    upTo ?? END,
    startedAt,
  );
  const there = new Set(seen);
  const missing = known.filter(({ digest }) => !there.has(digest));
  for (const { id } of missing) forget(database, id, { at: 0, noticedAt: 0, because: VANISHED });
  return missing.length;
}

export function seeTags(
  database: Database,
  { after, upTo, startedAt, seen }: TagPage,
): { adopted: number; forgotten: number } {
  let adopted = 0;
  const there = new Set<string>();
  for (const fact of seen) {
    if (fact.gone) continue;
    there.add(keyOf(fact.place, fact.tag));
    const known = tagOf(database, fact.place, fact.tag);
    if (known?.digest === fact.digest) continue;
    adopted += 1;
    tellTag(database, fact);
    // The last pull of an unknown image counts from now, so that nothing expires because its history was lost.
    holdTagged(database, fact, startedAt);
  }
  const query = `SELECT key FROM tags WHERE key > ? AND key <= ? AND since < ? AND doomed IS NULL`;
  const keys = database.all<{ key: string }>(query, after, upTo ?? END, startedAt);
  const missing = keys.filter(({ key }) => !there.has(key));
  for (const { key } of missing) database.run("DELETE FROM tags WHERE key = ?", key);
  return { adopted, forgotten: missing.length };
}
