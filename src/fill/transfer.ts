// Moving bytes: from an upstream's answer into a segment's buffer, resumed by range where the connection breaks.

import { RegistryError } from "../oci/error.ts";
import { SEGMENT, segmentLength } from "../store/segments.ts";
import type { TimedBody } from "../upstream/body.ts";
import type { Lease } from "./budget.ts";
import type { Fetcher } from "./fetcher.ts";

/** What is stored cannot be continued: the upstream has no ranges, or tells another length. */
export class StartOver extends Error {}

/** How often one segment's transfer may break before the fill gives up. */
const MOST_BREAKS = 4;

/** A segment's buffer and how full it is. */
export interface Partial {
  buffer: Uint8Array;
  have: number;
}

/** Reads on until the buffer is full or the body ends; says whether the connection broke. */
export async function readOn(
  body: TimedBody,
  partial: Partial,
  lease: Lease,
): Promise<"broken" | "ended"> {
  try {
    await body.fill(partial.buffer, partial.have, (have) => {
      partial.have = have;
      lease.touch();
    });
    return "ended";
  } catch (error) {
    console.warn(`entrepot: a transfer broke: ${(error as Error).message}`);
    return "broken";
  }
}

/** Fills the rest of segment `number` of a blob of `size` bytes by ranges. Throws StartOver where the upstream does
 * not continue where it is asked to, and UNAVAILABLE when it breaks off too often.
 * @param opened an answer that begins where `partial` ends, where there is one already
 * @param active holds the body while it is being read, so that it can be ended from outside */
export async function fetchSegment(
  fetcher: Fetcher,
  number: number,
  size: number,
  partial: Partial,
  lease: Lease,
  active: Set<TimedBody>,
  opened?: TimedBody,
): Promise<void> {
  const end = number * SEGMENT + segmentLength(size, number);
  let body = opened;
  for (let breaks = 0; ; breaks++) {
    if (!body) {
      const first = number * SEGMENT + partial.have;
      const reply = await fetcher.ask({ first, last: end - 1 });
      if (reply.kind !== "part" || reply.total !== size) {
        if (reply.kind !== "none") reply.body.cancel();
        throw new StartOver("the upstream does not continue where it broke off");
      }
      body = reply.body;
    }
    active.add(body);
    await readOn(body, partial, lease);
    active.delete(body);
    body.cancel();
    if (partial.have === partial.buffer.byteLength) return;
    if (breaks === MOST_BREAKS) {
      throw new RegistryError("UNAVAILABLE", "the upstream broke off its answer too often");
    }
    body = undefined;
  }
}
