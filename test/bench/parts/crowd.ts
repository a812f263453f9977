// Twenty clients that ask for the same cold blob at once: Entrepot and docker-registry.

import { type Timing, time, verify } from "../client.ts";
import { type Row, seconds, times } from "../rows.ts";
import { alternate, median } from "../samples.ts";
import { HOST_WITHOUT_EDGE, PREFIX } from "../servers.ts";
import { type FreshBlob, MB, type Stage } from "../stage.ts";

const CLIENTS = 20;
const ROUNDS = 3;
const SIZE = 100 * MB;

interface Crowd {
  /** The median of the clients' first bytes, and the last client's end, in seconds. */
  firstByte: number;
  wall: number;
  /** Requests that the upstream got, and the bytes that it sent, in blobs. */
  requests: number;
  blobs: number;
}

export async function crowd(stage: Stage): Promise<Row[]> {
  const [entrepot, registry] = [await stage.entrepot(), await stage.registry()];
  const own = (blob: FreshBlob) => `${entrepot.url}/v2/${PREFIX}/${pathOf(blob)}`;
  const other = (blob: FreshBlob) => `${registry.url}/v2/${pathOf(blob)}`;
  // Each side has a repository of its own, so that the upstream's journal tells them apart.
  // Without an edge, as in the cold GET by one client.
  const host = HOST_WITHOUT_EDGE;
  const timed = (url: string, blob: FreshBlob) => time(url, blob, { host });
  const side = (url: (blob: FreshBlob) => string) => () => come(stage, url, timed);
  for (const url of [own, other]) await come(stage, url, verify);
  const samples = await alternate(ROUNDS, { entrepot: side(own), registry: side(other) });
  return rowsOf(samples.entrepot, samples.registry);
}

function pathOf({ repository, digest }: FreshBlob): string {
  return `${repository}/blobs/${digest}`;
}

async function come(
  stage: Stage,
  url: (blob: FreshBlob) => string,
  get: (url: string, blob: FreshBlob) => Promise<Timing>,
): Promise<Crowd> {
  const blob = await stage.blob(SIZE);
  const all = await Promise.all(Array.from({ length: CLIENTS }, () => get(url(blob), blob)));
  await stage.fixture.idle(blob.repository);
  const { requests, bytes } = await stage.fetched(blob);
  return {
    firstByte: median(all.map((timing) => timing.firstByte)),
    wall: Math.max(...all.map((timing) => timing.whole)),
    requests,
    blobs: bytes / SIZE,
  };
}

function rowsOf(own: readonly Crowd[], other: readonly Crowd[]): Row[] {
  const pick = (key: keyof Crowd) => {
    const samples = {
      entrepot: own.map((crowd) => crowd[key]),
      registry: other.map((crowd) => crowd[key]),
    };
    return { samples, entrepot: median(samples.entrepot), registry: median(samples.registry) };
  };
  const what = `${CLIENTS} cold clients at once, 100 MB`;
  const [blobs, requests] = [pick("blobs"), pick("requests")];
  const [first, wall] = [pick("firstByte"), pick("wall")];
  return [
    {
      what: `${what}: fetched upstream`,
      entrepot: fetches(blobs.entrepot, requests.entrepot),
      beside: `docker-registry: ${fetches(blobs.registry, requests.registry)}`,
      ratio: times(blobs.entrepot / blobs.registry, "bytes"),
      aim: { text: "one fetch", met: Math.max(...blobs.samples.entrepot) <= 1.001 },
      samples: blobs.samples,
    },
    {
      what: `${what}: median first byte`,
      entrepot: seconds(first.entrepot),
      beside: `docker-registry: ${seconds(first.registry)}`,
      ratio: times(first.entrepot / first.registry, "time"),
      aim: { text: "≤ 0.5 s", met: first.entrepot <= 0.5 },
      samples: first.samples,
    },
    {
      what: `${what}: until the last has all`,
      entrepot: seconds(wall.entrepot),
      beside: `docker-registry: ${seconds(wall.registry)}`,
      ratio: times(wall.entrepot / wall.registry, "time"),
      samples: wall.samples,
    },
  ];
}

function fetches(blobs: number, requests: number): string {
  return `${blobs.toFixed(2)} × the blob (${requests} requests)`;
}
