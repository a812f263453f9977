// The fills as the rest of the house sees them: calls to Durable Objects, repeated where an object was reset.

import type { Env } from "../env.ts";
import type { Digest } from "../oci/digest.ts";
import { type Outcome, unwrap } from "../oci/error.ts";
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

/** How often a call is tried when its object was reset (a deploy, an eviction) while it ran. */
const TRIES = 4;

export function openFills(env: Env): Fills {
  const tagName = (source: Source, tag: string) => `${sourceKey(source)}:${tag}`;
  return {
    joinBlob: (digest, source) => call(env.BLOB_FILL, digest, (stub) => stub.join(digest, source)),
    waitFor: (digest, source, attempt, segment, verified) =>
      call(env.BLOB_FILL, digest, (stub) =>
        stub.waitFor(digest, source, attempt, segment, verified),
      ),
    mend: (source, layout) =>
      call(env.BLOB_FILL, layout.digest, (stub) => stub.mend(source, layout)),
    joinManifest: (digest, source) =>
      call(env.MANIFEST_FILL, digest, (stub) => stub.join(digest, source)),
    checkTag: (source, tag) =>
      call(env.TAG_FILL, tagName(source, tag), (stub) => stub.check(source, tag)),
    checkTagByGet: (source, tag) =>
      call(env.TAG_FILL, tagName(source, tag), (stub) => stub.checkByGet(source, tag)),
  };
}

/** A stub that has failed stays failed: each try takes a new one. What is overloaded is left alone. */
async function call<O extends Rpc.DurableObjectBranded | undefined, T>(
  namespace: DurableObjectNamespace<O>,
  name: string,
  work: (stub: DurableObjectStub<O>) => Promise<Outcome<T>>,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return unwrap(await work(namespace.get(namespace.idFromName(name))));
    } catch (error) {
      const { retryable, overloaded } = error as { retryable?: boolean; overloaded?: boolean };
      if (!retryable || overloaded || tries === TRIES) throw error;
    }
  }
}
