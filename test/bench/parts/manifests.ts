// Warm manifests a second, by tag and by digest: beside a bare Hono Worker on KV, and beside docker-registry.

import { download, requestsPerSecond } from "../client.ts";
import { perSecond, type Row, times } from "../rows.ts";
import { alternate, median } from "../samples.ts";
import { PREFIX } from "../servers.ts";
import type { Stage } from "../stage.ts";

const CONNECTIONS = 8;
const ROUNDS = 5;
/** Of one sample, in seconds. */
const SPELL = 2;

export async function manifests(stage: Stage): Promise<Row[]> {
  const [entrepot, bare] = [await stage.entrepot(), await stage.bare("kv")];
  const registry = await stage.registry();
  const image = await stage.fixture.image("bench/image", "v1", { layers: [1000, 2000, 3000] });
  const rows: Row[] = [];
  for (const [name, reference] of [
    ["tag", "v1"],
    ["digest", image.digest],
  ]) {
    const path = `bench/image/manifests/${reference}`;
    const urls = {
      entrepot: `${entrepot.url}/v2/${PREFIX}/${path}`,
      kv: `${bare.url}/v2/${path}`,
      registry: `${registry.url}/v2/${path}`,
    };
    await put(urls.kv, image.mediaType, image.bytes);
    for (const url of Object.values(urls)) await check(url, image.digest);
    const speed = (url: string) => () => requestsPerSecond(url, CONNECTIONS, SPELL);
    for (const url of Object.values(urls)) await requestsPerSecond(url, CONNECTIONS, 1);
    const samples = await alternate(ROUNDS, {
      entrepot: speed(urls.entrepot),
      kv: speed(urls.kv),
      registry: speed(urls.registry),
    });
    const own = median(samples.entrepot);
    const row = (beside: string, other: number): Row => ({
      what: `Manifests by ${name}, ${CONNECTIONS} connections`,
      entrepot: perSecond(own),
      beside: `${beside}: ${perSecond(other)}`,
      ratio: times(own / other, "rate"),
      samples,
    });
    rows.push(row("bare Hono on KV", median(samples.kv)));
    const other = median(samples.registry);
    const ahead = name === "tag" && { aim: { text: "ahead", met: own / other > 1 } };
    rows.push({ ...row("docker-registry", other), ...ahead });
  }
  return rows;
}

async function put(url: string, contentType: string, body: Uint8Array): Promise<void> {
  const response = await fetch(url, {
    method: "PUT",
    headers: { "Content-Type": contentType },
    body,
  });
  if (response.status !== 201) throw new Error(`${url}: ${response.status}`);
}

async function check(url: string, digest: string): Promise<void> {
  const { sha256 } = await download(url, { hashed: true });
  if (`sha256:${sha256}` !== digest) throw new Error(`${url}: another manifest came`);
}
