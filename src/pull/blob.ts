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
import { type Asked, askingOf } from "./pull.ts";
import { rechecking } from "./recheck.ts";
import { type Origin, Segments } from "./segments.ts";
import { Sending } from "./sending.ts";
import type { House } from "./services.ts";

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

/** Throws RANGE_INVALID (416) for a range that the blob does not have.
 * @param header the client's Range header, where it is to be heeded */
export async function pullBlob(
  house: House,
  source: Source,
  digest: Digest,
  header: string | undefined,
  asked: Asked,
): Promise<PulledBlob> {
  await permitDigest(house, source, digest, asked);
  const work = () => pullPermitted(house, source, digest, header, asked);
  return rechecking(house, source, digest, asked, work);
}

async function pullPermitted(
  house: House,
  source: Source,
  digest: Digest,
  header: string | undefined,
  asked: Asked,
): Promise<PulledBlob> {
  const opening = pullHere(house, source, digest, header, asked);
  const { links } = house;
  const found = await timed(
    asked.steps,
    "read",
    links.here(source, digest, "blob", asked, opening, (pulled) => pulled.close?.()),
  );
  if (found.here) return found.here;
  const { linked, wasLinked = false } = found;
  const join = () => {
    if (source.rule.offline) throw offline(source.rule, "BLOB_UNKNOWN");
    return house.fills.joinBlob(digest, source, { ...askingOf(asked), linked });
  };
  const joining = linked ? join() : unlinked(source, digest, wasLinked, async () => join());
  const joined = await timed(asked.steps, "fill", joining);
  const status = statusOf(joined.how);
  const published = async (layout: Layout) => {
    await permitStored(house, source, layout, asked);
    if (!linked) links.add(source, digest, asked);
    house.blobs.keep(layout, asked);
    const range = rangeIn(header, layout.size);
    const segments = new Segments(house, source, digest, { layout }, range, asked);
    return answer(digest, layout.size, range, new Sending(house, source, segments, asked), status);
  };
  if (joined.state === "published") return published(joined.layout);
  const { attempt: id, size, ranges, compared } = joined;
  if (compared) await permitStored(house, source, compared, asked);
  // Without ranges upstream what lies ahead cannot be fetched first: the whole, from zero, is the honest answer.
  const range = ranges && size !== null ? rangeIn(header, size) : undefined;
  // A range that ends before the blob does ends cleanly: where its other digest may be refused, not before that is known.
  if (range && !compared && mayTwinBeRefused(source, digest, asked)) {
    const { layout } = await house.fills.waitFor(digest, source, id, 0, true);
    if (layout) return published(layout);
  }
  const attempt = { id, size, linked, ...(compared && { compared }) };
  const segments = new Segments(house, source, digest, { attempt }, range, asked);
  return answer(
    digest,
    size ?? undefined,
    range,
    new Sending(house, source, segments, asked),
    status,
  );
}

/** From the edge or R2; undefined where the blob is in neither. */
async function pullHere(
  house: House,
  source: Source,
  digest: Digest,
  header: string | undefined,
  asked: Asked,
): Promise<PulledBlob | undefined> {
  const { blobs } = house;
  const stored =
    header === undefined
      ? await blobs.open(digest, asked)
      : await layoutAlone(house, digest, asked);
  if (!stored) return undefined;
  await permitStored(house, source, stored.layout, asked).catch(async (error) => {
    if ("first" in stored) await stored.first?.stream.cancel();
    throw error;
  });
  const range = rangeIn(header, stored.layout.size);
  const segments = new Segments(house, source, digest, stored, range, asked);
  const status = await segments.begin();
  if (!status) return undefined;
  return answer(
    digest,
    stored.layout.size,
    range,
    new Sending(house, source, segments, asked),
    status,
  );
}

async function layoutAlone(
  house: House,
  digest: Digest,
  asked: Asked,
): Promise<(Origin & { layout: Layout }) | undefined> {
  const found = await house.blobs.layout(digest, asked);
  return found && { layout: found.value };
}

function rangeIn(header: string | undefined, size: number): ByteRange | undefined {
  const range = parseRange(header, size);
  if (range !== "unsatisfiable") return range;
  throw new RegistryError("RANGE_INVALID", `the blob has ${size} bytes, and none in this range`, {
    headers: { "Content-Range": `bytes */${size}` },
  });
}

function answer(
  digest: Digest,
  size: number | undefined,
  range: ByteRange | undefined,
  sending: Sending,
  status: CacheStatus,
): PulledBlob {
  const writeTo = (writable: WritableStream) => sending.writeTo(writable);
  const close = () => sending.close();
  return { digest, size, ...(range && { range }), writeTo, close, status };
}

/** What is not here is asked of the upstream, which starts no fill. */
export async function headBlob(
  house: House,
  source: Source,
  digest: Digest,
  asked: Asked,
): Promise<PulledBlob> {
  await permitDigest(house, source, digest, asked);
  return rechecking(house, source, digest, asked, () =>
    headPermitted(house, source, digest, asked),
  );
}

async function headPermitted(
  house: House,
  source: Source,
  digest: Digest,
  asked: Asked,
): Promise<PulledBlob> {
  const looking = house.blobs.layout(digest, asked);
  const { here, wasLinked = false } = await timed(
    asked.steps,
    "read",
    house.links.here(source, digest, "blob", asked, looking),
  );
  if (here) {
    await permitStored(house, source, here.value, asked);
    return { digest, size: here.value.size, status: { hit: here.layer } };
  }
  const telling = unlinked(source, digest, wasLinked, async () => {
    if (source.rule.offline) throw offline(source.rule, "BLOB_UNKNOWN");
    return house.fills.headBlob(digest, source, askingOf(asked));
  });
  const size = await timed(asked.steps, "fill", telling);
  return { digest, size, status: { fwd: "uri-miss" } };
}
