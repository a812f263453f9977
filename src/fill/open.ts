// The fills as the rest of the house sees them: calls to Durable Objects, repeated where an object was reset.

import type { Env } from "../env.ts";
import type { Digest } from "../oci/digest.ts";
import { call } from "../oci/error.ts";
import { type Source, sourceKey } from "../policy/source.ts";
import type { Layout } from "../store/segments.ts";
import type { Joined, Ready } from "./blob-fill.ts";
import type { FetchedManifest } from "./manifest-fill.ts";
import type { CheckedTag } from "./tag-fill.ts";

export interface Fills {
  joinBlob(digest: Digest, source: Source): Promise<Joined>;
  waitFor(
    digest: Digest,
    source: Source,
    attempt: string,
    segment: number,
    verified: boolean,
  ): Promise<Ready>;
  mend(source: Source, layout: Layout): Promise<void>;
  joinManifest(digest: Digest, source: Source): Promise<FetchedManifest>;
  checkTag(source: Source, tag: string): Promise<CheckedTag>;
  checkTagByGet(source: Source, tag: string): Promise<CheckedTag>;
}

export function openFills(env: Env): Fills {
  const blob = (digest: Digest) => env.BLOB_FILL.get(env.BLOB_FILL.idFromName(digest));
  const manifest = (digest: Digest) => env.MANIFEST_FILL.get(env.MANIFEST_FILL.idFromName(digest));
  const tagged = (source: Source, tag: string) =>
    env.TAG_FILL.get(env.TAG_FILL.idFromName(`${sourceKey(source)}:${tag}`));
  return {
    joinBlob: (digest, source) => call(() => blob(digest).join(digest, source)),
    waitFor: (digest, source, attempt, segment, verified) =>
      call(() => blob(digest).waitFor(digest, source, attempt, segment, verified)),
    mend: (source, layout) => call(() => blob(layout.digest).mend(source, layout)),
    joinManifest: (digest, source) => call(() => manifest(digest).join(digest, source)),
    checkTag: (source, tag) => call(() => tagged(source, tag).check(source, tag)),
    checkTagByGet: (source, tag) => call(() => tagged(source, tag).checkByGet(source, tag)),
  };
}
