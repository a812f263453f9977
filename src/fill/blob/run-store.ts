// Run store: where a run writes, which is R2, or a comparison with the published blob for a run that proves an origin.

import type { Digest } from "../../oci/digest.ts";
import { RegistryError } from "../../oci/error.ts";
import type { BlobStore } from "../../store/blobs.ts";
import type { Layout } from "../../store/segments.ts";

export type RunStore = Pick<
  BlobStore,
  | "announce"
  | "attemptSegment"
  | "deleteAttempt"
  | "deleteSegment"
  | "layout"
  | "publish"
  | "publishWhole"
  | "putSegment"
  | "storedSegments"
> & {
  /** Published blob that the run is compared with; nothing is written then. */
  readonly compared?: Layout;
};

/** The bytes do not match the digest. */
export class Mismatch extends Error {}

/** Attempt id of all comparing runs. Their followers read the published blob, so any later such run can continue for
 * them. */
export const PROOF = "proof";

/** Store for concurrent runs of several origins: the first that ends publishes the blob; segments of the others are
 * deleted, and their followers continue with the published blob.
 * @param turn serializes publishing
 * @param isFirst whether the run may end because the blob is already published; runs of other origins still have to
 * deliver it */
export function publishingOnce(
  blobs: BlobStore,
  turn: <T>(work: () => Promise<T>) => Promise<T>,
  isFirst: boolean,
): RunStore {
  const once = (digest: Digest, publish: () => Promise<Layout>, discard: () => Promise<unknown>) =>
    turn(async () => {
      const published = await blobs.layout(digest);
      if (!published) return publish();
      await discard();
      return published;
    });
  return {
    ...plain(blobs),
    layout: async (digest) => (isFirst ? blobs.layout(digest) : undefined),
    publish: (digest, size, attempt, twin) =>
      once(
        digest,
        () => blobs.publish(digest, size, attempt, twin),
        () => blobs.deleteAttempt(digest, attempt),
      ),
    publishWhole: (digest, bytes) =>
      once(
        digest,
        () => blobs.publishWhole(digest, bytes),
        async () => {},
      ),
  };
}

/** Store for a run that proves that its origin has the bytes of a published blob: each segment is compared with the
 * stored one and discarded. */
export function comparingWith(blobs: BlobStore, layout: Layout): RunStore {
  return {
    ...plain(blobs),
    compared: layout,
    layout: async () => undefined,
    announce: async () => {},
    storedSegments: async () => new Map(),
    attemptSegment: (_digest, _attempt, number, slice) => {
      const whole = { offset: 0, length: Number.POSITIVE_INFINITY };
      return blobs.segment(layout, number, slice ?? whole);
    },
    putSegment: async (_digest, _attempt, number, bytes) => {
      const stored = await blobs.wholeSegment(layout, number);
      if (!stored)
        throw new RegistryError("UNAVAILABLE", "a stored segment is being repaired; retry later", {
          status: 503,
          headers: { "Retry-After": "1" },
        });
      if (!isSame(stored, bytes))
        throw new Mismatch(`segment ${number} differs from the stored one of ${layout.digest}`);
      return true;
    },
    publish: async () => layout,
    publishWhole: async () => layout,
    deleteSegment: async () => {},
    deleteAttempt: async () => 0,
  };
}

function plain(blobs: BlobStore): RunStore {
  return {
    announce: (layout) => blobs.announce(layout),
    attemptSegment: (...given) => blobs.attemptSegment(...given),
    deleteAttempt: (...given) => blobs.deleteAttempt(...given),
    deleteSegment: (...given) => blobs.deleteSegment(...given),
    layout: (digest) => blobs.layout(digest),
    publish: (...given) => blobs.publish(...given),
    publishWhole: (...given) => blobs.publishWhole(...given),
    putSegment: (...given) => blobs.putSegment(...given),
    storedSegments: (...given) => blobs.storedSegments(...given),
  };
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.byteLength === other.byteLength && Buffer.compare(one, other) === 0;
}
