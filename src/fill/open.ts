// The fills as the rest of the house sees them: calls to Durable Objects, repeated where an object was reset.

import type { Env } from "../env.ts";
import type { Digest } from "../oci/digest.ts";
import { call, type Outcome } from "../oci/error.ts";
import type { TagMapping } from "../policy/fresh.ts";
import { type Source, sourceKey } from "../policy/source.ts";
import type { ListAsked } from "../store/lists.ts";
import type { Layout } from "../store/segments.ts";
import type { FetchedList } from "./list/list-fill.ts";
import type { FetchedManifest } from "./manifest/manifest-fill.ts";
import type { ToldManifest } from "./manifest/manifest-questions.ts";
import { type Asking, sourceFor } from "./shared/asking.ts";
import type { Removed } from "./shared/removing.ts";
import type { Joined, Ready } from "./shared/wait.ts";
import type { CheckedTag } from "./tag/tag-fill.ts";

export interface Fills {
  joinBlob(digest: Digest, source: Source, asking: Asking): Promise<Joined>;
  headBlob(digest: Digest, source: Source, asking: Asking): Promise<number | undefined>;
  waitFor(
    digest: Digest,
    source: Source,
    attempt: string,
    segment: number,
    verified: boolean,
  ): Promise<Ready>;
  mend(source: Source, layout: Layout): Promise<void>;
  /** The digest of a blob's bytes by the other algorithm, where its layout does not say it. */
  blobTwin(digest: Digest): Promise<Digest | undefined>;
  joinManifest(digest: Digest, source: Source, asking: Asking): Promise<FetchedManifest>;
  headManifest(digest: Digest, source: Source, asking: Asking): Promise<ToldManifest | undefined>;
  checkTag(source: Source, tag: string, asking: Asking): Promise<CheckedTag>;
  checkTagByGet(source: Source, tag: string, wrong: Digest, asking: Asking): Promise<CheckedTag>;
  /** The repository is linked to what the tag means. */
  tagProved(source: Source, tag: string, digest: Digest): Promise<void>;
  list(source: Source, asked: ListAsked, asking: Asking): Promise<FetchedList>;

  /** What is deleted is deleted by the objects that fetch it. */
  removeTag(doomed: {
    place: string;
    tag: string;
    digest: Digest;
  }): Promise<"gone" | "moved" | "busy">;
  removeManifest(digest: Digest): Promise<Removed>;
  removeBlob(digest: Digest): Promise<Removed>;
  removeAttempt(digest: Digest, attempt: string): Promise<number | undefined>;
  restoreTag(place: string, tag: string, mapping: TagMapping): Promise<void>;
}

export function openFills(env: Env): Fills {
  const blob = (digest: Digest) => env.BLOB_FILL.get(env.BLOB_FILL.idFromName(digest));
  const manifest = (digest: Digest) => env.MANIFEST_FILL.get(env.MANIFEST_FILL.idFromName(digest));
  const taggedIn = (place: string, tag: string) =>
    env.TAG_FILL.get(env.TAG_FILL.idFromName(`${place}:${tag}`));
  const tagged = (source: Source, tag: string) => taggedIn(sourceKey(source), tag);
  const list = (source: Source, { list, query }: ListAsked) =>
    env.LIST_FILL.get(env.LIST_FILL.idFromName(`${sourceKey(source)}/${list}?${query}`));
  return {
    joinBlob: (digest, source, asking) =>
      asked(asking, (left) => blob(digest).join(digest, sourceFor(source, left), left)),
    headBlob: (digest, source, asking) =>
      asked(asking, (left) => blob(digest).head(digest, sourceFor(source, left), left)),
    waitFor: (digest, source, attempt, segment, verified) =>
      call(() => blob(digest).waitFor(digest, source, attempt, segment, verified)),
    mend: (source, layout) => call(() => blob(layout.digest).mend(source, layout)),
    blobTwin: (digest) => call(() => blob(digest).twin(digest)),
    joinManifest: (digest, source, asking) =>
      asked(asking, (left) => manifest(digest).join(digest, sourceFor(source, left), left)),
    headManifest: (digest, source, asking) =>
      asked(asking, (left) => manifest(digest).head(digest, sourceFor(source, left), left)),
    checkTag: (source, tag, asking) =>
      asked(asking, (left) => tagged(source, tag).check(sourceFor(source, left), tag, left)),
    checkTagByGet: (source, tag, wrong, asking) =>
      asked(asking, (left) =>
        tagged(source, tag).checkByGet(sourceFor(source, left), tag, wrong, left),
      ),
    tagProved: (source, tag, digest) => call(() => tagged(source, tag).proved(source, tag, digest)),
    list: (source, page, asking) =>
      asked(asking, (left) => list(source, page).get(sourceFor(source, left), page, left)),
    removeTag: ({ place, tag, digest }) =>
      call(() => taggedIn(place, tag).remove(place, tag, digest)),
    removeManifest: (digest) => call(() => manifest(digest).remove(digest)),
    removeBlob: (digest) => call(() => blob(digest).remove(digest)),
    removeAttempt: (digest, attempt) => call(() => blob(digest).removeAttempt(digest, attempt)),
    restoreTag: (place, tag, mapping) =>
      call(() => taggedIn(place, tag).restore(place, tag, mapping)),
  };
}

/** A call that is repeated, because its object was reset, has the patience that is left. */
function asked<T>(asking: Asking, work: (left: Asking) => Promise<Outcome<T>>): Promise<T> {
  const begun = Date.now();
  return call(() => {
    const patience = Math.max(0, asking.patience - (Date.now() - begun));
    return work({ ...asking, patience });
  });
}
