// The memory of Entrepot's workerd processes during cold pulls by four clients, of a small layer and of a large one.

import { time, verify } from "../client.ts";
import type { Server } from "../processes.ts";
import { type Memory, memoryDuring } from "../residents.ts";
import { megabytes, type Row, times } from "../rows.ts";
import { PREFIX } from "../servers.ts";
import { MB, type Stage } from "../stage.ts";

const CLIENTS = 4;
/** The large layer is ten times the small one; memory that grew with it would show. */
const SMALL = 200 * MB;
const LARGE = 2000 * MB;
/** How much more the large one may take and still count as bounded: the collector's slack. */
const SLACK = 1.5;

export async function memory(stage: Stage): Promise<Row[]> {
  const small = await pull(stage, await stage.entrepot(), SMALL);
  await stage.strike();
  const large = await pull(stage, await stage.entrepot(), LARGE);
  const ratio = large.peak / small.peak;
  return [
    {
      what: `Peak memory of workerd, cold 2 GB, ${CLIENTS} clients`,
      entrepot: `${megabytes(large.peak)} (idle: ${megabytes(large.before)})`,
      beside: `the same of 200 MB: ${megabytes(small.peak)}`,
      ratio: times(ratio, "memory"),
      aim: { text: "bounded", met: ratio <= SLACK },
      samples: { idle: [small.before, large.before], small: [small.peak], large: [large.peak] },
    },
  ];
}

async function pull(stage: Stage, entrepot: Server, size: number): Promise<Memory> {
  const blob = await stage.blob(size);
  const url = `${entrepot.url}/v2/${PREFIX}/${blob.repository}/blobs/${blob.digest}`;
  return memoryDuring(entrepot.pid, async () => {
    // One of them hashes: it is not time that is measured.
    const others = Array.from({ length: CLIENTS - 1 }, () => time(url, blob));
    await Promise.all([verify(url, blob), ...others]);
  });
}
