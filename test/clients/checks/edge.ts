// What was pulled in a city is pulled again from its edge cache alone: R2 is taken away in between, and the upstream not asked.

import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { run } from "../command.ts";
import { hostsDir, nameOf } from "../ctr.ts";
import { expectEqual, expectSilence } from "../expect.ts";
import { RANGED } from "../images.ts";
import { verifyDir } from "../landed.ts";
import type { Report } from "../report.ts";
import { type Stage, UP } from "../stage.ts";
import { blobAt, manifestAt, urlOf } from "../upstream.ts";

/** A segment, in bytes. */
const SEGMENT = 8 * 1024 * 1024;
/** For how long the copies behind an answer may take, in ms. */
const PATIENCE = 30_000;

export async function checkEdge(stage: Stage, report: Report): Promise<void> {
  const { open, folder, ctr } = stage;
  const upstream = await manifestAt(`${open.address}/${RANGED.repository}`, RANGED.tag);
  const place = (address: string) => `${address}/${UP.prefix}/${RANGED.repository}`;
  const copy = async (address: string, when: string) => {
    const dir = join(folder, `edge-${when}`);
    const flags = ["--quiet", "--preserve-digests", "--src-tls-verify=false"];
    const name = nameOf(`${address}/${UP.prefix}`, RANGED);
    await run("skopeo", ["copy", ...flags, `docker://${name}`, `dir:${dir}`]);
    await verifyDir(dir, upstream.digest);
  };

  let address: string | undefined;
  await report.check("after skopeo copy, every segment is at the edge", async () => {
    const city = await stage.startEntrepot("city");
    address = city.address;
    await copy(address, "first");
    const { config, layers = [] } = upstream.json;
    const blobs = [config, ...layers].flatMap((blob) => blob?.digest ?? []);
    for (const digest of blobs) await atEdge(place(city.address), digest);
    // ctr will ask by digest: that the repository has the manifest is then known to KV too, and R2 is not needed for it.
    await manifestAt(place(city.address), upstream.digest);
    await city.kill();
  });

  await report.check("skopeo copy and ctr images pull, R2 taken away", async () => {
    await rm(join(folder, "city", "state", "v3", "r2"), { recursive: true });
    const city = await stage.startEntrepot("city", {}, address);
    const hosts = { [UP.ns]: { mirror: `http://${city.address}` } };
    const through = await hostsDir(join(folder, "edge-hosts"), hosts);
    const asked = await open.log.during(async () => {
      await copy(city.address, "second");
      await ctr.pull("edge", nameOf(UP.ns, RANGED), through);
      expectEqual("digest", await ctr.digest("edge", nameOf(UP.ns, RANGED)), upstream.digest);
    });
    expectSilence(asked);
    await city.kill();
  });
}

/** Waits until each of the blob's segments comes from there. */
async function atEdge(place: string, digest: string): Promise<void> {
  const head = await fetch(urlOf(place, "blobs", digest), { method: "HEAD" });
  const size = Number(head.headers.get("content-length"));
  const end = performance.now() + PATIENCE;
  for (let first = 0; first < size; ) {
    const init = { headers: { Range: `bytes=${first}-${first}` } };
    const { response } = await blobAt(place, digest, init);
    const status = response.headers.get("cache-status");
    if (status === "entrepot-edge; hit") first += SEGMENT;
    else if (performance.now() > end) throw new Error(`byte ${first} of ${digest}: ${status}`);
    else await sleep(200);
  }
}
