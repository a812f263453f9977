// A cold pull from an upstream that is slow on each connection: direct, and through Entrepot's ranges.

import { time, verify } from "../client.ts";
import { type Row, seconds, times } from "../rows.ts";
import { alternate, median } from "../samples.ts";
import { PREFIX } from "../servers.ts";
import { type FreshBlob, MB, type Stage } from "../stage.ts";

const ROUNDS = 3;
/** Of each connection, in bytes a second. */
const SPEED = 10 * MB;

export async function throttled(stage: Stage): Promise<Row[]> {
  const entrepot = await stage.entrepot();
  const path = (blob: FreshBlob) => `${blob.repository}/blobs/${blob.digest}`;
  const through = (blob: FreshBlob) => `${entrepot.url}/v2/${PREFIX}/${path(blob)}`;
  const direct = (blob: FreshBlob) => `${stage.upstream}/v2/${path(blob)}`;
  const first = await slowBlob(stage);
  await verify(through(first), first);

  const blobs: Promise<FreshBlob>[] = [];
  const whole = (url: (blob: FreshBlob) => string) => async (round: number) => {
    blobs[round] ??= slowBlob(stage);
    const blob = await blobs[round];
    return (await time(url(blob), blob)).whole;
  };
  const samples = await alternate(ROUNDS, { entrepot: whole(through), direct: whole(direct) });
  const [own, other] = [median(samples.entrepot), median(samples.direct)];
  return [
    {
      what: "Cold GET, 100 MB, upstream of 10 MB/s a connection",
      entrepot: seconds(own),
      beside: `direct: ${seconds(other)}`,
      ratio: times(other / own, "speed"),
      aim: { text: "≥ 2", met: other / own >= 2 },
      samples,
    },
  ];
}

async function slowBlob(stage: Stage): Promise<FreshBlob> {
  const blob = await stage.blob(100 * MB);
  const { repository } = blob;
  await stage.fixture.fault({
    match: { repository, kind: "blob", method: "GET" },
    times: 0,
    do: { bytesPerSecond: SPEED },
  });
  return blob;
}
