// Transfer: moves bytes from an upstream's answer into a segment's buffer, and resumes by range where the connection
// breaks.

import { RegistryError } from "../../oci/error.ts";
import { SEGMENT, segmentLength } from "../../store/segments.ts";
import type { Partial, TimedBody } from "../../upstream/client/body.ts";
import type { Fetcher } from "./fetcher.ts";

/** The stored segments cannot be continued: the upstream has no ranges, or reports another size. */
export class StartOver extends Error {}

/** Pauses in ms after each break of a segment's transfer in a row; after the last the fill fails. */
const RETRY_PAUSES = [0, 100, 400, 1600];
/** Bytes after which a break no longer counts: some servers answer a range with less than was requested. */
const MIN_PROGRESS = 64 * 1024;

/** A segment to be fetched. */
export interface WantedSegment {
  readonly number: number;
  /** Size of the whole blob in bytes. */
  readonly size: number;
  /** What has arrived of it. */
  readonly partial: Partial;
}

/** Reads until the buffer is full or the body ends; tells whether the connection broke. */
export async function readOn(body: TimedBody, partial: Partial): Promise<"broken" | "ended"> {
  try {
    await body.fill(partial);
    return "ended";
  } catch (error) {
    console.warn(`entrepot: a transfer was interrupted: ${(error as Error).message}`);
    return "broken";
  }
}

/** Fetches the rest of a segment by ranges. Throws StartOver where the upstream does not
 * continue at the requested offset, and the upstream's error when it fails too often in a row.
 * @param opened an open answer that begins where `partial` ends
 * @param active holds the body while it is read, so that it can be cancelled from outside */
export async function fetchSegment(
  fetcher: Fetcher,
  { number, size, partial }: WantedSegment,
  active: Set<TimedBody>,
  opened?: TimedBody,
): Promise<void> {
  const last = number * SEGMENT + segmentLength(size, number) - 1;
  let body = opened;
  let breaks = 0;
  for (;;) {
    const before = partial.have;
    const failure = await temporaryError(async () => {
      body ??= await askFrom(fetcher, number * SEGMENT + partial.have, last, size);
      active.add(body);
      await readOn(body, partial);
      active.delete(body);
      body.cancel();
    });
    if (partial.have === partial.buffer.byteLength) return;
    if (partial.have - before >= MIN_PROGRESS) breaks = 0;
    const pause = RETRY_PAUSES[breaks];
    if (pause === undefined) throw failure ?? brokeOff();
    breaks += 1;
    body = undefined;
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

/** Returns a temporary error of the upstream; throws any other. */
async function temporaryError(work: () => Promise<void>): Promise<RegistryError | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    if (error instanceof RegistryError) return error;
    throw error;
  }
}

async function askFrom(
  fetcher: Fetcher,
  first: number,
  last: number,
  size: number,
): Promise<TimedBody> {
  const reply = await fetcher.ask({ first, last });
  if (reply.kind === "part" && reply.total === size) return reply.body;
  if (reply.kind !== "none") reply.body.cancel();
  throw new StartOver("the upstream cannot resume the interrupted transfer");
}

function brokeOff(): RegistryError {
  return new RegistryError("UNAVAILABLE", "the upstream's response was interrupted too often");
}
