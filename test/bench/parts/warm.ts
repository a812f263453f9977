// A warm blob: R2 streams the same bytes to Entrepot and to a bare Worker.

import { time, verify } from "../client.ts";
import { type Row, seconds, times } from "../rows.ts";
import { alternate, median } from "../samples.ts";
import { PREFIX } from "../servers.ts";
import { MB, type Stage } from "../stage.ts";

export async function warm(stage: Stage): Promise<Row[]> {
  const [entrepot, bare] = [await stage.entrepot(), await stage.bare("r2")];
  const blob = await stage.blob(200 * MB);
  const path = `${blob.repository}/blobs/${blob.digest}`;
  const urls = { entrepot: `${entrepot.url}/v2/${PREFIX}/${path}`, bare: `${bare.url}/blob` };
  await verify(urls.entrepot, blob);
  await verify(`${urls.bare}?from=${stage.upstream}/v2/${path}`, blob);
  await verify(urls.entrepot, blob);
  await verify(urls.bare, blob);
  const whole = (url: string) => async () => (await time(url, blob)).whole;
  const samples = await alternate(9, { entrepot: whole(urls.entrepot), bare: whole(urls.bare) });
  const [own, other] = [median(samples.entrepot), median(samples.bare)];
  const ratio = other / own;
  return [
    {
      what: "Warm GET, 200 MB",
      entrepot: seconds(own),
      beside: `bare Worker on R2: ${seconds(other)}`,
      ratio: times(ratio, "speed"),
      aim: { text: "≥ 0.9", met: ratio >= 0.9 },
      samples,
    },
  ];
}
