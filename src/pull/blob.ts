// Blob pull: serves a blob from the edge cache or R2 when it is stored, and follows its fill when it is not.

import { timed } from "../meter/steps.ts";
import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "../oci/error.ts";
import { type ByteRange, parseRange } from "../oci/range.ts";
import type { Layout } from "../store/segments.ts";
import { offline } from "../upstream/client/offline.ts";
import { type CacheStatus, statusOf } from "./cache-status.ts";
import { unlinked } from "./links.ts";
import { mayTwinBeRefused, permitDigest, permitStored } from "./permit.ts";
import { askingOf } from "./pull.ts";
import { rechecking } from "./recheck.ts";
import type { DigestRequest } from "./request.ts";
import { type Origin, Segments } from "./segments.ts";
import { Sending } from "./sending.ts";

export interface PulledBlob {
  digest: Digest;
  /** In bytes; undefined until the upstream has reported it. */
  size: number | undefined;
  /** The part of the blob that the response carries; undefined for the whole blob. */
  range?: ByteRange;
  /** Writes the response body to its end; rejects when the transfer must be aborted. Absent for HEAD. */
  writeTo?(writable: WritableStream): Promise<void>;
  /** Releases what is open when the body will not be written. */
  close?(): void;
  status: CacheStatus;
}

/** Where a blob's bytes come from, which of them are sent, and how they were found. */
interface Bytes {
  segments: Segments;
  /** In bytes; undefined until the upstream has reported it. */
  size: number | undefined;
  range: ByteRange | undefined;
  status: CacheStatus;
}

/** Locates the bytes, then serves them from there. `header` is the client's Range header, if it is to be honoured. Throws
 * RANGE_INVALID (416) for a range outside the blob. */
export async function pullBlob(
  request: DigestRequest,
  header: string | undefined,
): Promise<PulledBlob> {
  await permitDigest(request);
  return admitted(request, () => rechecking(request, () => pullPermitted(request, header)));
}

/** Pulls, and admits what is served before a byte of it is sent. */
async function admitted(
  request: DigestRequest,
  work: () => Promise<PulledBlob>,
): Promise<PulledBlob> {
  const { admission, vulnerabilities } = request.services;
  const ahead = admission.ahead(request, "blob");
  const pulled = await work();
  try {
    await admission.admit({ ...request, kind: "blob" }, ahead);
    await vulnerabilities.check({ ...request, kind: "blob" });
  } catch (error) {
    pulled.close?.();
    throw error;
  }
  return pulled;
}

async function pullPermitted(
  request: DigestRequest,
  header: string | undefined,
): Promise<PulledBlob> {
  const { services, source, digest, pull } = request;
  const stored = storedBytes(request, header);
  const finding = services.links.here({ source, digest, kind: "blob", pull }, stored, closed);
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

/** Opens the blob in the edge cache or R2; undefined if it is in neither. */
async function storedBytes(
  request: DigestRequest,
  header: string | undefined,
): Promise<Bytes | undefined> {
  const { services, digest, pull } = request;
  const stored =
    header === undefined ? await services.blobs.open(digest, pull) : await layoutAlone(request);
  if (!stored) return undefined;
  await permitStored(request, stored.layout).catch(async (error) => {
    if ("first" in stored) await stored.first?.stream.cancel();
    throw error;
  });
  const { size } = stored.layout;
  const range = rangeIn(header, size);
  const segments = new Segments(request, stored, range);
  const status = await segments.begin();
  return status && { segments, size, range, status };
}

async function layoutAlone({
  services,
  digest,
  pull,
}: DigestRequest): Promise<(Origin & { layout: Layout }) | undefined> {
  const found = await services.blobs.layout(digest, pull);
  return found && { layout: found.value };
}

/** Joins the blob's fill: serves what the fill has published, or follows its running attempt. `linked` says whether the repository
 * is linked to the blob, `wasLinked` whether an earlier version of this software had linked it. */
async function fillBytes(
  request: DigestRequest,
  header: string | undefined,
  { linked, wasLinked }: { linked: boolean; wasLinked: boolean },
): Promise<Bytes> {
  const { services, source, digest, pull } = request;
  const join = () => {
    if (source.rule.offline) throw offline(source.rule, "BLOB_UNKNOWN");
    return services.fills.joinBlob(digest, source, { ...askingOf(pull), linked });
  };
  const joining = linked ? join() : unlinked(request, wasLinked, async () => join());
  const joined = await timed(pull.steps, "fill", joining);
  const status = statusOf(joined.how);
  const published = async (layout: Layout): Promise<Bytes> => {
    await permitStored(request, layout);
    if (!linked) services.links.add(source, digest, pull);
    services.blobs.keep(layout, pull);
    const range = rangeIn(header, layout.size);
    const segments = new Segments(request, { layout }, range);
    return { segments, size: layout.size, range, status };
  };
  if (joined.state === "published") return published(joined.layout);
  const { attempt: id, size, ranges, compared } = joined;
  if (compared) await permitStored(request, compared);
  // An upstream without range support cannot fetch the range first, so the whole blob is sent from byte zero.
  const range = ranges && size !== null ? rangeIn(header, size) : undefined;
  // A range that ends before the blob's end also ends cleanly before verification. Where the blob's digest by the other algorithm
  // may be denied, wait until that digest is known.
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
  throw new RegistryError("RANGE_INVALID", `range not satisfiable: the blob has ${size} bytes`, {
    headers: { "Content-Range": `bytes */${size}` },
  });
}

/** Describes a blob. For a blob that is not stored, the upstream's HEAD is asked; this starts no fill. */
export async function headBlob(request: DigestRequest): Promise<PulledBlob> {
  await permitDigest(request);
  return admitted(request, () => rechecking(request, () => headPermitted(request)));
}

async function headPermitted(request: DigestRequest): Promise<PulledBlob> {
  const { services, source, digest, pull } = request;
  const looking = services.blobs.layout(digest, pull);
  const finding = services.links.here({ source, digest, kind: "blob", pull }, looking);
  const { here, wasLinked = false } = await timed(pull.steps, "read", finding);
  if (here) {
    await permitStored(request, here.value);
    return { digest, size: here.value.size, status: { hit: here.layer } };
  }
  const asking = unlinked(request, wasLinked, async () => {
    if (source.rule.offline) throw offline(source.rule, "BLOB_UNKNOWN");
    return services.fills.headBlob(digest, source, askingOf(pull));
  });
  const size = await timed(pull.steps, "fill", asking);
  return { digest, size, status: { fwd: "uri-miss" } };
}
