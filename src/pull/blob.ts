// The story of a blob: from R2 where it is here, along with its fill where it is not.

import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "../oci/error.ts";
import { type ByteRange, parseRange } from "../oci/range.ts";
import type { Source } from "../policy/source.ts";
import { offline } from "../upstream/offline.ts";
import { type Asked, askingOf } from "./asked.ts";
import { type CacheStatus, statusOf } from "./cache-status.ts";
import type { House } from "./house.ts";
import { permitDigest } from "./permit.ts";
import { type Origin, Segments } from "./segments.ts";

export interface PulledBlob {
  digest: Digest;
  /** In bytes; undefined while the upstream has not told it. */
  size: number | undefined;
  /** What of it is answered; undefined for the whole. */
  range?: ByteRange;
  /** Writes the answer's bytes; rejects when the transfer has to be broken off. Absent for HEAD. */
  writeTo?(writable: WritableStream): Promise<void>;
  status: CacheStatus;
}

/** Throws RANGE_INVALID (416) for a range that the blob does not have.
 * @param range the client's Range header, where it is to be heeded */
export async function pullBlob(
  house: House,
  source: Source,
  digest: Digest,
  range: string | undefined,
  asked: Asked,
): Promise<PulledBlob> {
  await permitDigest(house, source, digest);
  if (range === undefined) {
    const stored = await house.blobs.open(digest);
    if (stored) return answer(house, source, digest, stored, range, "hit");
  } else {
    const layout = await house.blobs.layout(digest);
    if (layout) return answer(house, source, digest, { layout }, range, "hit");
  }
  if (source.rule.offline) throw offline(source.rule, "BLOB_UNKNOWN");
  const joined = await house.fills.joinBlob(digest, source, askingOf(asked));
  const status = statusOf(joined.how);
  if (joined.state === "published") {
    return answer(house, source, digest, { layout: joined.layout }, range, status);
  }
  const { attempt: id, size, ranges } = joined;
  // Without ranges upstream what lies ahead cannot be fetched first: the whole, from zero, is the honest answer.
  return answer(
    house,
    source,
    digest,
    { attempt: { id, size } },
    ranges ? range : undefined,
    status,
  );
}

function answer(
  house: House,
  source: Source,
  digest: Digest,
  origin: Origin & { first?: ReadableStream },
  header: string | undefined,
  status: CacheStatus,
): PulledBlob {
  const size = origin.layout?.size ?? origin.attempt?.size ?? undefined;
  const range = size === undefined ? undefined : parseRange(header, size);
  if (range === "unsatisfiable") {
    throw new RegistryError("RANGE_INVALID", `the blob has ${size} bytes, and none in this range`, {
      headers: { "Content-Range": `bytes */${size}` },
    });
  }
  // An interior range during a fill is sent unverified, and clients verify what they put together; what reaches the
  // blob's end must not end cleanly before the whole is verified.
  const open = !range || range.last + 1 === size;
  const segments = new Segments(house, source, digest, origin);
  return {
    digest,
    size,
    ...(range && { range }),
    writeTo: (writable) => segments.writeTo(writable, range, open, origin.first),
    status,
  };
}

/** What is not here is asked of the upstream, which starts no fill. */
export async function headBlob(
  house: House,
  source: Source,
  digest: Digest,
  asked: Asked,
): Promise<PulledBlob> {
  await permitDigest(house, source, digest);
  const layout = await house.blobs.layout(digest);
  if (layout) return { digest, size: layout.size, status: "hit" };
  if (source.rule.offline) throw offline(source.rule, "BLOB_UNKNOWN");
  const size = await house.fills.headBlob(digest, source, askingOf(asked));
  return { digest, size, status: { fwd: "uri-miss" } };
}
