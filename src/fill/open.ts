// Fill client: calls to the fills' Durable Objects.

import type { Digest } from "../oci/digest.ts";
import { call, type Outcome, objectOf } from "../platform/rpc.ts";
import { type Source, sourceKey } from "../policy/source.ts";
import type { ListAsked } from "../store/lists.ts";
import type {
  Asking,
  BlobFillMethods,
  FillBindings,
  Fills,
  ListFillMethods,
  ManifestFillMethods,
  TagFillMethods,
} from "./contract.ts";
import { sourceFor } from "./shared/asking.ts";

export function openFills(
  env: Pick<FillBindings, "BLOB_FILL" | "MANIFEST_FILL" | "TAG_FILL" | "LIST_FILL">,
): Fills {
  const blob = (digest: Digest) => objectOf<BlobFillMethods>(env.BLOB_FILL, digest);
  const manifest = (digest: Digest) => objectOf<ManifestFillMethods>(env.MANIFEST_FILL, digest);
  const taggedIn = (place: string, tag: string) =>
    objectOf<TagFillMethods>(env.TAG_FILL, `${place}:${tag}`);
  const tagged = (source: Source, tag: string) => taggedIn(sourceKey(source), tag);
  const list = (source: Source, { list, query }: ListAsked) =>
    objectOf<ListFillMethods>(env.LIST_FILL, `${sourceKey(source)}/${list}?${query}`);
  return {
    joinBlob: (digest, source, asking) =>
      withPatience(asking, (left) => blob(digest).join(digest, sourceFor(source, left), left)),
    headBlob: (digest, source, asking) =>
      withPatience(asking, (left) => blob(digest).head(digest, sourceFor(source, left), left)),
    waitFor: (digest, ...segment) => call(() => blob(digest).waitFor(digest, ...segment)),
    mend: (source, layout) => call(() => blob(layout.digest).mend(source, layout)),
    blobTwin: (digest) => call(() => blob(digest).twin(digest)),
    joinManifest: (digest, source, asking) =>
      withPatience(asking, (left) => manifest(digest).join(digest, sourceFor(source, left), left)),
    headManifest: (digest, source, asking) =>
      withPatience(asking, (left) => manifest(digest).head(digest, sourceFor(source, left), left)),
    checkTag: (source, tag, asking) =>
      withPatience(asking, (left) => tagged(source, tag).check(sourceFor(source, left), tag, left)),
    checkTagByGet: (source, tag, wrong, asking) =>
      withPatience(asking, (left) =>
        tagged(source, tag).checkByGet(sourceFor(source, left), tag, wrong, left),
      ),
    tagProved: (source, tag, digest) => call(() => tagged(source, tag).proved(source, tag, digest)),
    list: (source, page, asking) =>
      withPatience(asking, (left) => list(source, page).get(sourceFor(source, left), page, left)),
    removeTag: ({ place, tag, digest }) =>
      call(() => taggedIn(place, tag).remove(place, tag, digest)),
    removeManifest: (digest) => call(() => manifest(digest).remove(digest)),
    removeBlob: (digest) => call(() => blob(digest).remove(digest)),
    removeAttempt: (digest, attempt) => call(() => blob(digest).removeAttempt(digest, attempt)),
    releaseTag: (source, tag, digest, release) =>
      call(() => tagged(source, tag).release(source, tag, digest, release)),
    restoreTag: (place, tag, mapping) =>
      call(() => taggedIn(place, tag).restore(place, tag, mapping)),
  };
}

/** Makes a call with `patience`; a repetition after a reset of the object gets what is left of it. */
function withPatience<T>(asking: Asking, work: (left: Asking) => Promise<Outcome<T>>): Promise<T> {
  const begun = Date.now();
  return call(() => {
    const patience = Math.max(0, asking.patience - (Date.now() - begun));
    return work({ ...asking, patience });
  });
}
