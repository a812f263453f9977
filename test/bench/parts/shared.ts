// What it costs to pull an image whose layers another repository has cached: of the same origin, which confirms each by a HEAD, and of
// another, which delivers the bytes once more, to be compared and thrown away.

import { time } from "../client.ts";
import { type Row, seconds, times } from "../rows.ts";
import { median } from "../samples.ts";
import { HOST_WITHOUT_EDGE, PREFIX } from "../servers.ts";
import { type FreshBlob, MB, type Stage } from "../stage.ts";

const ROUNDS = 5;
const LAYERS = 5;
const OTHER = "other";

export async function shared(stage: Stage): Promise<Row[]> {
  const { fixture } = stage;
  // Under another path the same registry is another origin.
  const others = [{ prefix: OTHER, upstream: `${stage.upstream}/apart-bench` }];
  const { url } = await stage.entrepot({}, undefined, others);
  const host = HOST_WITHOUT_EDGE;
  const pull = async (prefix: string, repository: string, layers: readonly FreshBlob[]) => {
    let whole = 0;
    for (const layer of layers)
      whole += (
        await time(`${url}/v2/${prefix}/${repository}/blobs/${layer.digest}`, layer, { host })
      ).whole;
    return whole;
  };
  const samples = {
    cold: [] as number[],
    sibling: [] as number[],
    stranger: [] as number[],
    warm: [] as number[],
  };
  for (let round = 0; round < ROUNDS; round++) {
    const layers = await Promise.all(Array.from({ length: LAYERS }, () => stage.blob(20 * MB)));
    const [own, sibling] = [`shared/own-${round}`, `shared/sibling-${round}`];
    for (const repository of [own, sibling])
      for (const { seed, size } of layers) await fixture.blob(repository, { seed, size });
    samples.cold.push(await pull(PREFIX, own, layers));
    samples.sibling.push(await pull(PREFIX, sibling, layers));
    samples.stranger.push(await pull(OTHER, own, layers));
    samples.warm.push(await pull(PREFIX, own, layers));
  }
  const cold = median(samples.cold);
  const row = (what: string, own: number) => ({
    what: `${what}, ${LAYERS} × 20 MB`,
    entrepot: seconds(own),
    beside: `nothing cached: ${seconds(cold)}`,
    ratio: times(own / cold, "time"),
    samples,
  });
  return [
    row("Layers that another repository of the registry has cached", median(samples.sibling)),
    row("Layers that another registry's repository has cached", median(samples.stranger)),
    row("Layers that this repository has cached", median(samples.warm)),
  ];
}
