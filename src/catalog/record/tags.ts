// Tag records: the digest that each tag points to, and those before.

import { type Digest, isDigest } from "../../oci/digest.ts";
import type { Database } from "../database.ts";
import type { TagFact } from "./contract.ts";
import { forgetHolds } from "./holds.ts";
import { happened } from "./numbers.ts";
import { refer } from "./referred.ts";

/** Tags that list the referrers of a digest: by clients and registries without the referrers API (distribution-spec,
 * "Referrers Tag Schema"), and by cosign, which appends the type. */
const REFERRERS_TAG = /^(sha256-[0-9a-f]{64}|sha512-[0-9a-f]{64}(?:[0-9a-f]{64})?)(?:\.[a-z]+)?$/;

export function isReferrersTag(tag: string): boolean {
  return REFERRERS_TAG.test(tag);
}

export function tellTag(database: Database, { place, tag, digest, at, gone }: TagFact): void {
  const before = tagOf(database, place, tag);
  if (before && at < before.since) return; // a late report: a newer digest is known
  if (before && (gone || before.digest !== digest)) {
    const { digest: was, since } = before;
    database.run("INSERT INTO moves VALUES (?, ?, ?, ?, ?)", place, tag, was, since, at);
    if (!gone) happened(database, { what: "tag.moved", at, place, tag, digest, before: was });
  }
  if (gone) {
    forgetHolds(database, place, tag);
    database.run("DELETE FROM tags WHERE key = ?", keyOf(place, tag));
    return;
  }
  const content = database.content(digest, "manifest");
  database.run(
    "INSERT OR REPLACE INTO tags (key, place, tag, content, since) VALUES (?, ?, ?, ?, ?)",
    keyOf(place, tag),
    database.place(place),
    tag,
    content,
    before?.digest === digest ? before.since : at,
  );
  const subject = REFERRERS_TAG.exec(tag)?.[1]?.replace("-", ":");
  if (subject === undefined || !isDigest(subject)) return;
  database.run("UPDATE contents SET subject = coalesce(subject, ?) WHERE id = ?", subject, content);
  const about = database.contentIfKnown(subject, "manifest");
  if (about !== undefined && about !== content) refer(database, about, content, true);
}

interface KnownTag {
  content: number;
  digest: Digest;
  since: number;
  doomed: string | null;
}

export function tagOf(database: Database, place: string, tag: string): KnownTag | undefined {
  const query = `SELECT content, digest, since, doomed FROM tags JOIN contents ON contents.id = content
    WHERE key = ?`;
  return database.first<KnownTag>(query, keyOf(place, tag));
}

/** In the order of R2's listing; a tag has no colon. */
export function keyOf(place: string, tag: string): string {
  return `${place}:${tag}`;
}
