// What was deleted from R2: counted by the run that did it, and told with its why.

import type { Digest } from "../../oci/digest.ts";
import { segmentLength } from "../../store/segments.ts";
import type { Database } from "../database.ts";
import { UNREFERRED } from "../record/referred.ts";
import type { ContentKind } from "./contract.ts";

export interface Deleted {
  id: number;
  digest: Digest;
  kind: ContentKind;
  size: number;
  attempt: string | null;
  because: string | null;
}

/** In whose name something is deleted. */
export interface Sweeping {
  /** By its clock. */
  now: number;
  run: number;
}

type Counted = "images" | "tags" | "manifests" | "blobs" | "leftovers";

/** @param bytes that left R2 */
export function countDeleted(database: Database, run: number, what: Counted, bytes = 0): void {
  database.run(`UPDATE runs SET ${what} = ${what} + 1, bytes = bytes + ? WHERE id = ?`, bytes, run);
}

/** A manifest, or a blob's head, has gone from R2. Segments behind the head stay for a while: for streams that are running. */
export function tellDeleted(database: Database, content: Deleted, { now, run }: Sweeping): void {
  const { digest, kind, size, attempt } = content;
  const bytes = kind === "manifest" ? size : segmentLength(size, 0);
  countDeleted(database, run, kind === "manifest" ? "manifests" : "blobs", bytes);
  const reason = content.because ?? UNREFERRED;
  database.event({ at: now, run, what: kind, digest, bytes, reason });
  if (size === bytes || attempt === null) return;
  const query = "INSERT OR REPLACE INTO leftovers VALUES (?, ?, ?, ?)";
  database.run(query, digest, attempt, size - bytes, now);
}

/** Something is here anew that a sweep was about to delete: so it did, and was broken off, or overtaken, before it told. */
export function creditDeleted(database: Database, id: number): void {
  const query = `SELECT id, digest, kind, size, attempt, because FROM contents
    WHERE id = ? AND present AND going IS NOT NULL`;
  const content = database.first<Deleted>(query, id);
  if (!content) return;
  const last = database.first<Sweeping>("SELECT now, id AS run FROM runs ORDER BY id DESC LIMIT 1");
  if (last) tellDeleted(database, content, last);
}
