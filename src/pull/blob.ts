// The story of a blob: from R2 where it is here, along with its fill where it is not.

import { timed } from "../meter/steps.ts";
import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "../oci/error.ts";
import { type ByteRange, parseRange } from "../oci/range.ts";
import type { Source } from "../policy/source.ts";
import type { Layout } from "../store/segments.ts";
import { offline } from "../upstream/client/offline.ts";
import { type CacheStatus, statusOf } from "./cache-status.ts";
import { unlinked } from "./links.ts";
import { mayTwinBeRefused, permitDigest, permitStored } from "./permit.ts";
import { askingOf, type Pull } from "./pull.ts";
import { rechecking } from "./recheck.ts";
import { type BlobRequest, type Origin, Segments } from "./segments.ts";
import { Sending } from "./sending.ts";
import type { PullServices } from "./services.ts";

export interface PulledBlob {
  digest: Digest;
  /** In bytes; undefined while the upstream has not told it. */
  size: number | undefined;
  /** What of it is answered; undefined for the whole. */
  range?: ByteRange;
  /** Writes the answer's bytes to their end; rejects when the transfer has to be broken off. Absent for HEAD. */
  writeTo?(writable: WritableStream): Promise<void>;
  /** In place of it. */
  close?(): void;
  status: CacheStatus;
}

/** Where a blob's bytes come from, which of them are answered, and how they were found. */
interface Bytes {
  segments: Segments;
  /** In bytes; undefined while the upstream has not told it. */
  size: number | undefined;
  range: ByteRange | undefined;
  status: CacheStatus;
}

/** Finds out where the bytes are, then answers them from there. Throws RANGE_INVALID (416) for a range that the blob does not have.
 * @param header the client's Range header, where it is to be heeded */
export async function pullBlob(
  services: PullServices,
  source: Source,
  digest: Digest,
  header: string | undefined,
  pull: Pull,
): Promise<PulledBlob> {
  await permitDigest(services, source, digest, pull);
  const request = { services, source, digest, pull };
  return rechecking(services, source, digest, pull, () => pullPermitted(request, header));
}

async function pullPermitted(
  request: BlobRequest,
  header: string | undefined,
): Promise<PulledBlob> {
  const { services, source, digest, pull } = request;
  const stored = storedBytes(request, header);
  const finding = services.links.here(source, digest, "blob", pull, stored, closed);
  const { here, linked, wasLinked = false } = await timed(pull.steps, "read", finding);
  const { segments, size, range, status } =
    here ?? (await fillBytes(request, header, { linked, wasLinked }));
  const sending = new Sending(request, segments);
  const writeTo = (writable: WritableStream) => sending.writeTo(writable);
  return { digest, size, ...(range && { range }), writeTo, close: () => segments.close(), status };
}

function closed({ segments }: Bytes): void {
  segments.close();
}

/** From the edge or R2; undefined where the blob is in neither. */
async function storedBytes(
  request: BlobRequest,
  header: string | undefined,
): Promise<Bytes | undefined> {
  const { services, source, digest, pull } = request;
  const stored =
    header === undefined
      ? await services.blobs.open(digest, pull)
      : await layoutAlone(services, digest, pull);
  if (!stored) return undefined;
  await permitStored(services, source, stored.layout, pull).catch(async (error) => {
    if ("first" in stored) await stored.first?.stream.cancel();
    throw error;
  });
  const { size } = stored.layout;
  const range = rangeIn(header, size);
  const segments = new Segments(request, stored, range);
  const status = await segments.begin();
  return status && { segments, size, range, status };
}

async function layoutAlone(
  services: PullServices,
  digest: Digest,
  pull: Pull,
): Promise<(Origin & { layout: Layout }) | undefined> {
  const found = await services.blobs.layout(digest, pull);
  return found && { layout: found.value };
}

/** Along with the blob's fill: from what it has published, or from its attempt, which is under way.
 * @param links whether the repository is linked to the blob, and whether it was by an earlier version */
async function fillBytes(
  request: BlobRequest,
  header: string | undefined,
  { linked, wasLinked }: { linked: boolean; wasLinked: boolean },
): Promise<Bytes> {
  const { services, source, digest, pull } = request;
  const join = () => {
    if (source.rule.offline) throw offline(source.rule, "BLOB_UNKNOWN");
    return services.fills.joinBlob(digest, source, { ...askingOf(pull), linked });
  };
  const joining = linked ? join() : unlinked(source, digest, wasLinked, async () => join());
  const joined = await timed(pull.steps, "fill", joining);
  const status = statusOf(joined.how);
  const published = async (layout: Layout): Promise<Bytes> => {
    await permitStored(services, source, layout, pull);
    if (!linked) services.links.add(source, digest, pull);
    services.blobs.keep(layout, pull);
    const range = rangeIn(header, layout.size);
    const segments = new Segments(request, { layout }, range);
    return { segments, size: layout.size, range, status };
  };
  if (joined.state === "published") return published(joined.layout);
  const { attempt: id, size, ranges, compared } = joined;
  if (compared) await permitStored(services, source, compared, pull);
  // Without ranges upstream what lies ahead cannot be fetched first: the whole, from zero, is the honest answer.
  const range = ranges && size !== null ? rangeIn(header, size) : undefined;
  // A range that ends before the blob does ends cleanly: where its other digest may be refused, not before that is known.
  if (range && !compared && mayTwinBeRefused(source, digest, pull)) {
    const { layout } = await services.fills.waitFor(digest, source, id, 0, true);
    if (layout) return published(layout);
  }
  const attempt = { id, size, linked, ...(compared && { compared }) };
  const segments = new Segments(request, { attempt }, range);
  return { segments, size: size ?? undefined, range, status };
}

function rangeIn(header: string | undefined, size: number): ByteRange | undefined {
  const range = parseRange(header, size);
  if (range !== "unsatisfiable") return range;
  throw new RegistryError("RANGE_INVALID", `the blob has ${size} bytes, and none in this range`, {
    headers: { "Content-Range": `bytes */${size}` },
  });
}

/** What is not here is asked of the upstream, which starts no fill. */
export async function headBlob(
  services: PullServices,
  source: Source,
  digest: Digest,
  pull: Pull,
): Promise<PulledBlob> {
  await permitDigest(services, source, digest, pull);
  return rechecking(services, source, digest, pull, () =>
    headPermitted(services, source, digest, pull),
  );
}

async function headPermitted(
  services: PullServices,
  source: Source,
  digest: Digest,
  pull: Pull,
): Promise<PulledBlob> {
  const looking = services.blobs.layout(digest, pull);
  const { here, wasLinked = false } = await timed(
    pull.steps,
    "read",
    services.links.here(source, digest, "blob", pull, looking),
  );
  if (here) {
    await permitStored(services, source, here.value, pull);
    return { digest, size: here.value.size, status: { hit: here.layer } };
  }
  const telling = unlinked(source, digest, wasLinked, async () => {
    if (source.rule.offline) throw offline(source.rule, "BLOB_UNKNOWN");
    return services.fills.headBlob(digest, source, askingOf(pull));
  });
  const size = await timed(pull.steps, "fill", telling);
  return { digest, size, status: { fwd: "uri-miss" } };
}
