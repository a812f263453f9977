// A cold blob and one client: beside a bare Worker that puts the same bytes into R2 and then answers from there, and
// beside docker-registry.

import { time, verify } from "../client.ts";
import { type Row, seconds, times } from "../rows.ts";
import { alternate, median } from "../samples.ts";
import { HOST_WITHOUT_EDGE, PREFIX } from "../servers.ts";
import { type FreshBlob, MB, type Stage } from "../stage.ts";

const ROUNDS = 5;

export async function cold(stage: Stage): Promise<Row[]> {
  const [entrepot, bare] = [await stage.entrepot(), await stage.bare("r2")];
  const registry = await stage.registry();
  const path = (blob: FreshBlob) => `${blob.repository}/blobs/${blob.digest}`;
  const urls = {
    entrepot: (blob: FreshBlob) => `${entrepot.url}/v2/${PREFIX}/${path(blob)}`,
    bare: (blob: FreshBlob) => `${bare.url}/${blob.digest}?from=${stage.upstream}/v2/${path(blob)}`,
    registry: (blob: FreshBlob) => `${registry.url}/v2/${path(blob)}`,
  };
  const first = await stage.blob(200 * MB);
  for (const url of Object.values(urls)) await verify(url(first), first);

  // One blob a round: all sides find it as warm at the upstream.
  const blobs: Promise<FreshBlob>[] = [];
  // Without an edge: the copies behind one sample would be made during the next, which is of another side.
  const host = HOST_WITHOUT_EDGE;
  const whole = (url: (blob: FreshBlob) => string) => async (round: number) => {
    blobs[round] ??= stage.blob(200 * MB);
    const blob = await blobs[round];
    return (await time(url(blob), blob, { host })).whole;
  };
  const samples = await alternate(ROUNDS, {
    entrepot: whole(urls.entrepot),
    bare: whole(urls.bare),
    registry: whole(urls.registry),
  });
  const own = median(samples.entrepot);
  const row = (beside: string, other: number) => ({
    what: "Cold GET, 200 MB, one client",
    entrepot: seconds(own),
    beside: `${beside}: ${seconds(other)}`,
    ratio: times(own / other, "time"),
    samples,
  });
  const put = median(samples.bare);
  return [
    { ...row("bare put into R2", put), aim: { text: "≤ 1.2", met: own / put <= 1.2 } },
    row("docker-registry", median(samples.registry)),
  ];
}
