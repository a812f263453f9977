// Cost of authentication: warm manifests per second with a Bearer token, compared with an open cache.

import { requestsPerSecond } from "../client.ts";
import { perSecond, type Row, times } from "../rows.ts";
import { alternate, median } from "../samples.ts";
import { PREFIX } from "../servers.ts";
import type { Stage } from "../stage.ts";

const CONNECTIONS = 8;
const ROUNDS = 7;
/** Of one sample, in seconds. */
const SPELL = 2;

export async function access(stage: Stage): Promise<Row[]> {
  const shut = await stage.entrepot({}, { mode: "token" });
  const open = await stage.entrepot();
  const image = await stage.fixture.image("bench/access", "v1", { layers: [1000] });
  const authorization = `Bearer ${await tokenOf(shut.url)}`;
  const rows: Row[] = [];
  for (const [name, reference] of [
    ["tag", "v1"],
    ["digest", image.digest],
  ]) {
    const path = `/v2/${PREFIX}/bench/access/manifests/${reference}`;
    const speed =
      (url: string, asking = {}) =>
      () =>
        requestsPerSecond(url + path, CONNECTIONS, SPELL, asking);
    const sides = { bearer: speed(shut.url, { authorization }), open: speed(open.url) };
    for (const side of Object.values(sides)) await side(); // warm
    const samples = await alternate(ROUNDS, sides);
    const ratio = median(samples.bearer) / median(samples.open);
    rows.push({
      what: `Manifests by ${name} with a Bearer token, ${CONNECTIONS} connections`,
      entrepot: perSecond(median(samples.bearer)),
      beside: `without auth: ${perSecond(median(samples.open))}`,
      ratio: times(ratio, "rate"),
      aim: { text: "≥ 0.9", met: ratio >= 0.9 },
      samples,
    });
  }
  return rows;
}

/** As a client gets one: for a pull token, which this machine may make under `npm start`. */
async function tokenOf(url: string): Promise<string> {
  const made = await fetch(`${url}/api/tokens`, {
    method: "POST",
    body: JSON.stringify({ name: "bench", repositories: ["**"] }),
  });
  const { token: secret } = (await made.json()) as { token: string };
  const scope = `repository:${PREFIX}/bench/access:pull`;
  const headers = { Authorization: `Basic ${Buffer.from(`bench:${secret}`).toString("base64")}` };
  const answer = await fetch(`${url}/token?service=entrepot&scope=${scope}`, { headers });
  if (!answer.ok) throw new Error(`no token: ${answer.status}`);
  return ((await answer.json()) as { token: string }).token;
}
