// The sides of a warm pull, each filled before anything is measured, and proven to be what it is called: by the bytes, by the
// layer that Entrepot names, and by an upstream that is not asked any more.

import { setTimeout as sleep } from "node:timers/promises";
import { SEGMENT, segmentCount } from "../../src/store/segments.ts";
import { type Asking, statusAt, time, verify } from "./client.ts";
import { HOST_WITHOUT_EDGE, PREFIX } from "./servers.ts";
import type { FreshBlob, Stage } from "./stage.ts";

const EDGE_HIT = "entrepot-edge; hit";
const R2_HIT = "entrepot-r2; hit";

/** How long the copies to the edge may take, in ms. One that failed is made again after a minute at the earliest. */
const COPY_TIMEOUT = 150_000;
/** How often a side may ask the upstream again until it has what it fetched; docker-registry stores behind its answer. */
const MOST_FILLS = 5;

export interface Side {
  url(blob: FreshBlob): string;
  asking: Asking;
}

export type Name = "edge" | "r2" | "bareCache" | "bareR2" | "registry";

/** Servers that have nothing yet. */
export async function warmSides(stage: Stage): Promise<Record<Name, Side>> {
  const [entrepot, registry] = [await stage.entrepot(), await stage.registry()];
  const [r2, cache] = [await stage.bare("r2"), await stage.bare("cache")];
  const own = (blob: FreshBlob) => `${entrepot.url}/v2/${PREFIX}/${pathOf(blob)}`;
  return {
    edge: { url: own, asking: { status: EDGE_HIT } },
    r2: { url: own, asking: { host: HOST_WITHOUT_EDGE, status: R2_HIT } },
    bareCache: { url: (blob) => `${cache.url}/${blob.digest}`, asking: {} },
    bareR2: { url: (blob) => `${r2.url}/${blob.digest}`, asking: {} },
    registry: { url: (blob) => `${registry.url}/v2/${pathOf(blob)}`, asking: {} },
  };
}

/** Has every side fetch the blob, and compares what each then sends from its own storage. */
export async function fill(
  stage: Stage,
  sides: Record<Name, Side>,
  blob: FreshBlob,
): Promise<void> {
  const from = `?from=${stage.upstream}/v2/${pathOf(blob)}`;
  await time(sides.edge.url(blob), blob);
  await untilAtEdge(sides.edge.url(blob), blob);
  for (const bare of [sides.bareCache, sides.bareR2]) await time(bare.url(blob) + from, blob);
  for (const { url, asking } of Object.values(sides)) {
    for (let fills = 0; ; fills++) {
      const { requests } = await stage.fetched(blob);
      await verify(url(blob), blob, asking);
      await stage.fixture.idle(blob.repository);
      if ((await stage.fetched(blob)).requests === requests) break;
      if (fills === MOST_FILLS) throw new Error(`${url(blob)}: fetched again and again`);
    }
  }
}

/** Throws where something was measured that was not warm: the upstream was asked for a blob, or a segment is not at the edge (an
 * answer's Cache-Status tells of its first segment alone). */
export async function staysWarm<T>(
  stage: Stage,
  { edge }: Record<Name, Side>,
  blobs: readonly FreshBlob[],
  act: () => Promise<T>,
): Promise<T> {
  const fetched = () =>
    Promise.all(blobs.map(async (blob) => (await stage.fetched(blob)).requests));
  const before = await fetched();
  const result = await act();
  if (String(await fetched()) !== String(before)) throw new Error("the upstream was asked again");
  for (const blob of blobs) {
    const far = await notAtEdge(edge.url(blob), offsetsOf(blob));
    if (far.length > 0) throw new Error(`${edge.url(blob)}: ${far.length} copies are lost`);
  }
  return result;
}

async function untilAtEdge(url: string, blob: FreshBlob): Promise<void> {
  const deadline = performance.now() + COPY_TIMEOUT;
  let left = await notAtEdge(url, offsetsOf(blob));
  while (left.length > 0) {
    if (performance.now() > deadline) throw new Error(`${url}: ${left.length} copies are not made`);
    await sleep(500);
    left = await notAtEdge(url, left);
  }
}

/** Those of the offsets whose segments are not at the edge: a range is answered by the layer of the segment that it begins in. */
async function notAtEdge(url: string, offsets: readonly number[]): Promise<number[]> {
  const far: number[] = [];
  for (const offset of offsets) {
    if (!(await statusAt(url, offset)).startsWith(EDGE_HIT)) far.push(offset);
  }
  return far;
}

/** Where each segment begins. */
function offsetsOf({ size }: FreshBlob): number[] {
  return Array.from({ length: segmentCount(size) }, (_, number) => number * SEGMENT);
}

function pathOf({ repository, digest }: FreshBlob): string {
  return `${repository}/blobs/${digest}`;
}
