// Deletion records: what left R2, counted for the run that deleted it, and logged with its reason.

import type { Digest } from "../../oci/digest.ts";
import { segmentLength } from "../../store/segments.ts";
import type { Database } from "../database.ts";
import { UNREFERRED } from "../record/referred.ts";
import type { ContentKind, SweepRun } from "./contract.ts";

export interface Deleted {
  id: number;
  digest: Digest;
  kind: ContentKind;
  size: number;
  attempt: string | null;
  because: string | null;
}

type Counted = "images" | "tags" | "manifests" | "blobs" | "leftovers";

/** @param bytes freed in R2 */
export function countDeleted(database: Database, run: number, what: Counted, bytes = 0): void {
  database.run(`UPDATE runs SET ${what} = ${what} + 1, bytes = bytes + ? WHERE id = ?`, bytes, run);
}

/** Records that a manifest or a blob's head object was deleted from R2. Segments after the first stay for a while, for
 * responses that are still streaming them. */
export function tellDeleted(database: Database, content: Deleted, { now, run }: SweepRun): void {
  const { digest, kind, size, attempt } = content;
  const bytes = kind === "manifest" ? size : segmentLength(size, 0);
  countDeleted(database, run, kind === "manifest" ? "manifests" : "blobs", bytes);
  const reason = content.because ?? UNREFERRED;
  database.event({ at: now, run, what: kind, digest, bytes, reason });
  if (size === bytes || attempt === null) return;
  const query = "INSERT OR REPLACE INTO leftovers VALUES (?, ?, ?, ?)";
  database.run(query, digest, attempt, size - bytes, now);
}

/** Records the deletion of content that was condemned and is cached anew: the sweep deleted it, and was interrupted or
 * overtaken before it reported that. */
export function creditDeleted(database: Database, id: number): void {
  const query = `SELECT id, digest, kind, size, attempt, because FROM contents
    WHERE id = ? AND present AND going IS NOT NULL`;
  const content = database.first<Deleted>(query, id);
  if (!content) return;
  const last = database.first<SweepRun>("SELECT now, id AS run FROM runs ORDER BY id DESC LIMIT 1");
  if (last) tellDeleted(database, content, last);
}
